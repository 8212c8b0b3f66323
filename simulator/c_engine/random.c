/* Park and Miller's multiplicative generator with Bays and Durham's shuffle, and what is drawn with it. */
#include "random.h"

#define MULTIPLIER 16807
#define MODULUS 2147483647 /* 2^31 - 1 */

static int64_t step(random_stream *stream)
{
    stream->state = stream->state * MULTIPLIER % MODULUS;
    return stream->state;
}

void start_stream(random_stream *stream, long seed)
{
    int64_t start = seed < 0 ? (int64_t)(0 - (uint64_t)seed) : 1;
    if (seed >= 0 || start < 1) start = 1;
    stream->state = start % MODULUS;
    if (stream->state == 0) stream->state = 1; /* 0 would stay 0 for ever */
    for (int i = 0; i < 8; ++i) step(stream);
    for (int i = SHUFFLED - 1; i >= 0; --i) stream->table[i] = step(stream);
    stream->last = stream->table[0];
    stream->has_spare = false;
}

float uniform(random_stream *stream)
{
    const int64_t slot_width = 1 + (MODULUS - 1) / SHUFFLED;
    int64_t next = step(stream);
    int64_t slot = stream->last / slot_width;
    stream->last = stream->table[slot];
    stream->table[slot] = next;
    const double most = 1.0 - 1.2e-7;
    float u = (float)((double)stream->last * (1.0 / MODULUS));
    return (double)u > most ? (float)most : u;
}

/* Polar Box-Muller. */
static float gaussian(random_stream *stream)
{
    if (stream->has_spare) {
        stream->has_spare = false;
        return stream->spare;
    }
    float x, y, radius2;
    do {
        x = (float)(2.0 * (double)uniform(stream) - 1.0);
        y = (float)(2.0 * (double)uniform(stream) - 1.0);
        radius2 = x * x + y * y;
    } while (radius2 >= 1.0f || radius2 == 0.0f);
    float stretch = (float)sqrt(-2.0 * log((double)radius2) / (double)radius2);
    stream->spare = x * stretch;
    stream->has_spare = true;
    return y * stretch;
}

/* ln Gamma(x), Lanczos's series. */
static float log_gamma(float x)
{
    static const double coefficient[6] = {76.18009172947146,  -86.50532032941677,   24.01409824083091,
                                          -1.231739572450155, 1.208650973866179e-3, -5.395239384953e-6};
    double shifted = (double)x + 5.5, series = 1.000000000190015;
    shifted -= ((double)x + 0.5) * log(shifted);
    for (int i = 0; i < 6; ++i) series += coefficient[i] / ((double)x + 1.0 + i);
    return (float)(-shifted + log(2.5066282746310005 * series / (double)x));
}

/* Waiting times: uniforms are multiplied until the product falls to exp(-mean). */
static float poisson_by_product(random_stream *stream, float mean)
{
    float limit = (float)exp(-(double)mean), product = 1.0f, events = -1.0f;
    do {
        events += 1.0f;
        product *= uniform(stream);
    } while (product > limit);
    return events;
}

/* Rejection from a Lorentzian that lies above the distribution. A product of two f32 values is an f32, as C has it:
 * carried in f64, one draw in some thousands would be decided otherwise. */
static float poisson_by_rejection(random_stream *stream, float mean)
{
    float width = (float)sqrt(2.0 * (double)mean), log_mean = (float)log((double)mean);
    float at_mean = mean * log_mean - log_gamma((float)((double)mean + 1.0));
    float events, accept;
    do {
        float lorentzian;
        do {
            lorentzian = (float)tan(PI * (double)uniform(stream));
            events = width * lorentzian + mean;
        } while (events < 0.0f);
        events = floorf(events);
        float exponent = events * log_mean - log_gamma((float)((double)events + 1.0)) - at_mean;
        accept = (float)(0.9 * (1.0 + (double)lorentzian * (double)lorentzian) * exp((double)exponent));
    } while (uniform(stream) > accept);
    return events;
}

float poisson(random_stream *stream, float mean)
{
    if (mean > 1e6f) return (float)((double)mean + sqrt((double)mean) * (double)gaussian(stream));
    if (mean < 12.0f) return poisson_by_product(stream, mean);
    return poisson_by_rejection(stream, mean);
}

mat3 random_rotation(random_stream *stream, double spread)
{
    double r1 = 2.0 * (double)uniform(stream) - 1.0;
    double r2 = 2.0 * (double)uniform(stream) - 1.0;
    double r3 = 2.0 * (double)uniform(stream) - 1.0;
    double equator = sqrt(1.0 - r2 * r2);
    vec3 u = vec(equator * sin(PI * r1), equator * cos(PI * r1), r2);
    double angle = (double)((float)spread * powf((float)(1.0 - r3 * r3), (float)(1.0 / 3.0)));

    double s = sin(angle), c = cos(angle), t = 1.0 - c;
    mat3 R = {{{t * u.x * u.x + c, t * u.x * u.y - s * u.z, t * u.x * u.z + s * u.y},
               {t * u.x * u.y + s * u.z, t * u.y * u.y + c, t * u.y * u.z - s * u.x},
               {t * u.x * u.z - s * u.y, t * u.y * u.z + s * u.x, t * u.z * u.z + c}}};
    return R;
}
