/* The sum: pixel, sensor layer, sub-pixel, source, phi step, mosaic domain, in that order (simulator.md, The sum). */
#include "sum.h"

#include <stdio.h>
#include <stdlib.h>

#include "cell_factor.h"
#include "lattice.h"
#include "message.h"
#include "progress.h"

#define CLASSICAL_RADIUS_SQUARED 7.94079248018965e-30 /* r_e^2, square metres */
#define AVOGADRO 6.02214179e23

/* What a pixel hands on to the next in raster order. */
typedef struct {
    bool interpolate;  /* off for good once a sample fell outside (oddity interpolation-latch) */
    bool latched;      /* it went off in this pixel */
} raster_state;

/* Where a point of a pixel is, and how the sensor sees it. */
typedef struct {
    vec3 position, direction;
    double R, omega;
} pixel_view;

static pixel_view view_pixel(const detector *det, double F, double S, double depth)
{
    pixel_view v;
    v.position = add(add(scaled(det->fast, F), scaled(det->slow, S)), add(scaled(det->normal, depth), det->pix0));
    if (det->curved) {
        vec3 flat = v.position;
        v.position = rotate_axis(scaled(det->beam, det->distance), det->slow, flat.y / det->distance);
        v.position = rotate_axis(v.position, det->fast, flat.z / det->distance);
    }
    v.R = length(v.position);
    v.direction = vec(v.position.x / v.R, v.position.y / v.R, v.position.z / v.R);
    v.omega = 1.0 / (v.R * v.R);
    if (!det->point_pixel) v.omega *= det->pixel * det->pixel * det->close_distance / v.R;
    return v;
}

/* Fraction of the photons that one layer of the sensor stops. */
static double capture_fraction(const detector *det, long layer, vec3 direction)
{
    if (det->thickness == 0.0) return 1.0;
    double path = det->attenuation * det->layer_step / dot(direction, det->normal);
    return exp(-(double)layer * path) - exp(-(double)(layer + 1) * path);
}

/* Kahn's polarization factor for the E-vector `polar`. */
static double polarization_factor(double kahn, vec3 incident, vec3 direction, vec3 polar)
{
    double cos_2theta = dot(incident, direction), cos2 = cos_2theta * cos_2theta;
    if (kahn == 0.0) return 0.5 * (1.0 + cos2);
    vec3 B = unit(cross(polar, incident)), E = unit(cross(incident, B));
    double psi = -atan2(dot(direction, B), dot(direction, E));
    return 0.5 * (1.0 + cos2 - kahn * cos(2.0 * psi) * (1.0 - cos2));
}

/* Whether the resolution cut leaves out this source here. */
static inline bool beyond_resolution(const experiment *x, vec3 q)
{
    return x->dmin > 0.0 && x->dmin > 1.0 / length(q);
}

static inline vec3 scattering_vector(const source *s, vec3 direction)
{
    vec3 d = sub(direction, s->incident);
    return vec(d.x / s->wavelength, d.y / s->wavelength, d.z / s->wavelength);
}

static double sub_pixel_centre(const detector *det, long pixel, long sub_pixel)
{
    return ((double)(pixel * det->oversample + sub_pixel) + 0.5) * det->pixel / (double)det->oversample;
}

static double steps_of(const experiment *x)
{
    double sub_pixels = (double)x->det.oversample * (double)x->det.oversample;
    return (double)x->sources * (double)x->domains * (double)x->phisteps * sub_pixels;
}

/* Photons per solid angle, times the scale of nanoBragg's background if that is asked for. */
static double water_background(const experiment *x)
{
    double cubic_metres = x->water * x->water * x->water;
    return 2.57 * 2.57 * CLASSICAL_RADIUS_SQUARED * x->fluence * cubic_metres * 1e6 * AVOGADRO / 18.0;
}

/* One pixel in photons. `omega` receives its solid angle; `tell`, if not NULL, every value on the way. */
static double sum_pixel(const experiment *x, bool first_evaluation, long fpixel, long spixel, raster_state *raster,
                        double *omega, trace *tell)
{
    const detector *det = &x->det;
    const options *opt = x->opt;
    const oddities *odd = &opt->odd;
    const bool layer_capture = !opt->oversample_thick && !odd->last_layer_capture;
    const bool source_polarization = !opt->oversample_polar && !odd->first_source_polarization;
    const bool own_factors = opt->oversample_thick || opt->oversample_polar || opt->oversample_omega;
    const bool compound = own_factors && odd->compounded_oversample;
    const double background = water_background(x);

    double I = odd->background_scaling ? background : 0.0;
    double capture = 0.0, polarization = 0.0, first_polarization = 0.0, first_omega = 0.0;
    bool have_polarization = false;

    if (tell) trace_list(tell, "samples");
    for (long layer = 0; layer < det->layers; ++layer) {
        for (long sub_s = 0; sub_s < det->oversample; ++sub_s) {
            for (long sub_f = 0; sub_f < det->oversample; ++sub_f) {
                pixel_view at = view_pixel(det, sub_pixel_centre(det, fpixel, sub_f), sub_pixel_centre(det, spixel, sub_s),
                                           (double)layer * det->layer_step);
                bool first_of_layer = sub_s == 0 && sub_f == 0;
                if (first_of_layer && layer == 0) first_omega = at.omega;
                if (first_of_layer || opt->oversample_thick) capture = capture_fraction(det, layer, at.direction);
                if (tell) {
                    trace_item(tell, "layer", layer);
                    trace_integer(tell, "sub_slow", sub_s);
                    trace_integer(tell, "sub_fast", sub_f);
                    trace_vector(tell, "position", at.position);
                    trace_number(tell, "R", at.R);
                    trace_number(tell, "solid_angle", at.omega);
                    trace_vector(tell, "d", at.direction);
                    trace_number(tell, "capture", capture);
                    trace_list(tell, "sources");
                }

                for (long i = 0; i < x->sources; ++i) {
                    const source *src = &x->source[i];
                    vec3 q = scattering_vector(src, at.direction);
                    bool skipped = beyond_resolution(x, q);
                    if (tell) {
                        trace_item(tell, "source", i);
                        trace_vector(tell, "s", src->incident);
                        trace_number(tell, "lambda", src->wavelength);
                        trace_vector(tell, "q", q);
                        trace_flag(tell, "skipped", skipped);
                    }
                    if (skipped) {
                        if (tell) trace_close(tell);
                        continue;
                    }

                    if (!have_polarization || opt->oversample_polar || source_polarization) {
                        polarization = opt->nopolar ? 1.0 : polarization_factor(x->polarization, src->incident, at.direction,
                                                                                det->polar);
                        if (!have_polarization) first_polarization = polarization;
                        have_polarization = true;
                    }
                    /* what a term is multiplied with when the factors are not left to the end */
                    double factor = src->weight;
                    if (layer_capture || (opt->oversample_thick && !compound)) factor *= capture;
                    if (source_polarization || (opt->oversample_polar && !compound)) factor *= polarization;
                    if (opt->oversample_omega && !compound) factor *= at.omega;

                    const axes *cell = first_evaluation ? x->phi_first : x->phi_axes;
                    first_evaluation = false;
                    if (tell) {
                        trace_number(tell, "polarization", polarization);
                        trace_list(tell, "terms");
                    }
                    for (long p = 0; p < x->phisteps; ++p) {
                        for (long m = 0; m < x->domains; ++m) {
                            axes turned = cell[p];
                            if (x->mosaic_spread > 0.0) {
                                turned.a = apply(&x->domain[m], turned.a);
                                turned.b = apply(&x->domain[m], turned.b);
                                turned.c = apply(&x->domain[m], turned.c);
                            }
                            vec3 h = vec(dot(turned.a, q), dot(turned.b, q), dot(turned.c, q));
                            vec3 h0 = vec(ceil(h.x - 0.5), ceil(h.y - 0.5), ceil(h.z - 0.5));
                            double F_latt = lattice_transform(&x->xtal, h, h0);
                            if (tell) {
                                trace_item(tell, "phi_step", p);
                                trace_integer(tell, "domain", m);
                                trace_number(tell, "phi", x->phi0 + x->phistep * (double)p);
                                trace_vector(tell, "a", turned.a);
                                trace_vector(tell, "b", turned.b);
                                trace_vector(tell, "c", turned.c);
                                trace_vector(tell, "hkl", h);
                                trace_vector(tell, "nearest", h0);
                                trace_number(tell, "F_latt", F_latt);
                            }
                            if (F_latt == 0.0 && x->water == 0.0) {
                                if (tell) trace_close(tell);
                                continue;
                            }

                            double F_cell;
                            if (raster->interpolate && can_interpolate(&x->sf, h)) {
                                F_cell = interpolated_factor(&x->sf, h);
                            } else {
                                F_cell = nearest_factor(&x->sf, h0);
                                if (raster->interpolate && odd->interpolation_latch) {
                                    raster->interpolate = false;
                                    raster->latched = true;
                                }
                            }
                            double amplitude = F_cell * F_latt, term = amplitude * amplitude * factor;
                            I += term;
                            if (compound) {
                                if (opt->oversample_thick) I *= capture;
                                if (opt->oversample_polar) I *= polarization;
                                if (opt->oversample_omega) I *= at.omega;
                            }
                            if (tell) {
                                trace_number(tell, "F_cell", F_cell);
                                trace_number(tell, "term", term);
                                trace_close(tell);
                            }
                        }
                    }
                    if (tell) {
                        trace_list_close(tell);
                        trace_close(tell);
                    }
                }
                if (tell) {
                    trace_list_close(tell);
                    trace_close(tell);
                }
            }
        }
    }

    double scale = CLASSICAL_RADIUS_SQUARED * x->fluence / steps_of(x);
    if (!opt->oversample_thick && !layer_capture) scale *= capture;
    if (!opt->oversample_polar && !source_polarization) scale *= first_polarization;
    if (!opt->oversample_omega) scale *= first_omega;
    double photons = I * scale;
    if (!odd->background_scaling) photons += background * first_omega * first_polarization;
    *omega = first_omega;
    if (tell) {
        trace_list_close(tell);
        trace_number(tell, "sum", I);
        trace_number(tell, "scale", scale);
        trace_number(tell, "pixel", photons);
    }
    return photons;
}

static bool is_masked(const experiment *x, long index)
{
    return x->det.mask && x->det.mask[index] == 0;
}

/* Whether any source reaches the crystal term in this pixel. */
static bool evaluates(const experiment *x, long fpixel, long spixel)
{
    const detector *det = &x->det;
    if (!(x->dmin > 0.0)) return true;
    for (long layer = 0; layer < det->layers; ++layer) {
        for (long sub_s = 0; sub_s < det->oversample; ++sub_s) {
            for (long sub_f = 0; sub_f < det->oversample; ++sub_f) {
                pixel_view at = view_pixel(det, sub_pixel_centre(det, fpixel, sub_f), sub_pixel_centre(det, spixel, sub_s),
                                           (double)layer * det->layer_step);
                for (long i = 0; i < x->sources; ++i) {
                    if (!beyond_resolution(x, scattering_vector(&x->source[i], at.direction))) return true;
                }
            }
        }
    }
    return false;
}

/* The first pixel in raster order with an evaluation that nothing skips: there alone the cell may be at rest. */
static long find_first_evaluation(const experiment *x)
{
    const detector *det = &x->det;
    if (!x->phi_first_differs) return -1;
    for (long s = det->roi[2]; s <= det->roi[3]; ++s) {
        for (long f = det->roi[0]; f <= det->roi[1]; ++f) {
            long index = s * det->fpixels + f;
            if (!is_masked(x, index) && evaluates(x, f, s)) return index;
        }
    }
    return -1;
}

/* One row; returns the index of the pixel in which interpolation went off, or `none`. */
static long render_row(const experiment *x, image *img, long spixel, bool interpolate, long none)
{
    raster_state raster = {interpolate, false};
    double omega, omegas = 0.0;
    long latched = none;
    for (long f = x->det.roi[0]; f <= x->det.roi[1]; ++f) {
        long index = spixel * x->det.fpixels + f;
        if (is_masked(x, index)) continue;
        img->pixel[index] = (float)sum_pixel(x, index == img->first_pixel, f, spixel, &raster, &omega, NULL);
        omegas += omega;
        if (raster.latched && latched == none) latched = index;
    }
    img->row_omega[spixel] = omegas;
    return latched;
}

/* Rows are computed in any order. A row that starts before the pixel where interpolation went off is right as it is;
 * a row after it must have been computed without interpolation, and is computed again where that was not known yet. */
static void render_rows(const experiment *x, image *img, bool *interpolated)
{
    const long none = img->latch_pixel;
    long latch = none, done = 0;
    const long first = x->det.roi[2], last = x->det.roi[3];
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->threads)
#endif
    for (long s = first; s <= last; ++s) {
        long known, count;
#ifdef _OPENMP
#pragma omp atomic read
#endif
        known = latch;
        interpolated[s] = x->interpolate && (known == none || known / x->det.fpixels >= s);
        long latched = render_row(x, img, s, interpolated[s], none);
        if (latched != none) {
#ifdef _OPENMP
#pragma omp critical(interpolation_latch)
#endif
            {
                long earliest;
#ifdef _OPENMP
#pragma omp atomic read
#endif
                earliest = latch;
                if (latched < earliest) {
#ifdef _OPENMP
#pragma omp atomic write
#endif
                    latch = latched;
                }
            }
        }
#ifdef _OPENMP
#pragma omp atomic capture
#endif
        count = ++done;
        show_progress(x->opt, count, last - first + 1);
    }
    img->latch_pixel = latch;
    if (latch == none) return;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->threads)
#endif
    for (long s = latch / x->det.fpixels + 1; s <= last; ++s) {
        if (interpolated[s]) render_row(x, img, s, false, none);
    }
}

int render(const experiment *x, image *img)
{
    size_t pixels = (size_t)x->det.fpixels * (size_t)x->det.spixels, rows = (size_t)x->det.spixels;
    bool *interpolated = calloc(rows, sizeof(bool));
    img->pixel = calloc(pixels, sizeof(float));
    img->row_omega = calloc(rows, sizeof(double));
    if (!img->pixel || !img->row_omega || !interpolated) {
        free(interpolated);
        return too_large((double)pixels * sizeof(float), "the image", "give fewer pixels with -detpixels");
    }
    double start = wall_clock();
    img->first_pixel = find_first_evaluation(x);
    img->latch_pixel = (long)pixels;
    render_rows(x, img, interpolated);
    img->seconds = wall_clock() - start;
    free(interpolated);
    return STATUS_OK;
}

void trace_pixel(const experiment *x, const image *img, long fpixel, long spixel, trace *tell)
{
    long index = spixel * x->det.fpixels + fpixel;
    raster_state raster = {x->interpolate && index <= img->latch_pixel, false};
    double omega;
    trace_integer(tell, "fpixel", fpixel);
    trace_integer(tell, "spixel", spixel);
    bool inside = fpixel >= x->det.roi[0] && fpixel <= x->det.roi[1] && spixel >= x->det.roi[2] && spixel <= x->det.roi[3];
    trace_flag(tell, "computed", inside && !is_masked(x, index));
    if (inside && !is_masked(x, index)) sum_pixel(x, index == img->first_pixel, fpixel, spixel, &raster, &omega, tell);
    trace_number(tell, "image", (double)img->pixel[index]);
}

void free_image(image *img)
{
    free(img->pixel);
    free(img->row_omega);
}
