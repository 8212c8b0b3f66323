/* The beam as a list of sources: divergence and wavelengths, or a file (simulator.md, Sources). */
#include <stdio.h>
#include <stdlib.h>

#include "experiment.h"
#include "message.h"
#include "reader.h"

#define SOURCE_DISTANCE 10.0 /* metres */

static int make_room(double sources, experiment *x)
{
    if (sources > 1e9 || !memory_allows(sources * sizeof(source))) {
        return too_large(sources * sizeof(source), "the list of sources", "use fewer -hdivsteps, -vdivsteps or -dispsteps");
    }
    x->source = malloc((size_t)sources * sizeof(source));
    if (!x->source) return too_large(sources * sizeof(source), "the list of sources", "use fewer steps");
    return STATUS_OK;
}

/* How far into the corner of a round beam this direction lies; NaN for a range of 0. */
static double corner(double angle, double step, long steps, double range)
{
    double even = steps % 2 == 0 ? 1.0 : 0.0;
    return (angle * angle - step * step / 4.0 * even) / (range * range);
}

static int generate(const options *opt, experiment *x)
{
    int status = make_room((double)x->hdivsteps * (double)x->vdivsteps * (double)x->dispsteps, x);
    if (status) return status;
    vec3 towards = scaled(x->det.beam, -SOURCE_DISTANCE), polar = x->det.polar;
    vec3 vertical = unit(cross(x->det.beam, polar));
    x->sources = 0;
    for (long i = 0; i < x->hdivsteps; ++i) {
        double hd = x->hdivstep * (double)i - x->hdivrange / 2.0;
        double th = corner(hd, x->hdivstep, x->hdivsteps, x->hdivrange);
        for (long j = 0; j < x->vdivsteps; ++j) {
            double vd = x->vdivstep * (double)j - x->vdivrange / 2.0;
            double tv = corner(vd, x->vdivstep, x->vdivsteps, x->vdivrange);
            if (opt->round_divergence == YES && 4.0 * (th + tv) > 1.1) continue; /* NaN is not greater */
            vec3 position = rotate_axis(rotate_axis(towards, polar, vd), vertical, hd);
            for (long k = 0; k < x->dispsteps; ++k) {
                source *s = &x->source[x->sources++];
                s->incident = scaled(unit(position), -1.0);
                s->wavelength = x->wavelength * (1.0 + x->dispstep * (double)k - x->dispersion / 2.0);
                s->weight = 1.0;
                if (!(s->wavelength > 0.0)) return usage_error("-dispersion reaches a wavelength of 0: give less");
            }
        }
    }
    if (x->sources == 0) return usage_error("round divergence leaves no source: give other steps or -square_div");
    return STATUS_OK;
}

/* One line: x y z weight wavelength, in which later columns may be missing. */
static int read_source(const options *opt, line_reader *lines, const experiment *x, source *s)
{
    vec3 far = scaled(x->det.beam, -SOURCE_DISTANCE);
    double column[5] = {far.x, far.y, far.z, 1.0, x->wavelength};
    char word[64];
    for (int i = 0; i < 5 && next_word(lines, word, sizeof word); ++i) {
        if (!read_number(word, &column[i])) {
            return usage_error("-sourcefile %s, line %ld: \"%s\" %s", opt->sourcefile, lines->line, word, number_fault(word));
        }
    }
    vec3 position = vec(column[0], column[1], column[2]);
    if (!(length(position) > 0.0)) {
        return usage_error("-sourcefile %s, line %ld: the source stands on the sample", opt->sourcefile, lines->line);
    }
    if (!(column[4] > 0.0)) {
        return usage_error("-sourcefile %s, line %ld: the wavelength must be greater than 0 m", opt->sourcefile, lines->line);
    }
    if (column[3] < 0.0) {
        return usage_error("-sourcefile %s, line %ld: the weight is negative", opt->sourcefile, lines->line);
    }
    s->incident = scaled(unit(position), -1.0);
    s->weight = column[3];
    s->wavelength = column[4];
    return STATUS_OK;
}

static int read_sources(const options *opt, experiment *x)
{
    file_text text;
    int status = read_file("-sourcefile", opt->sourcefile, &text);
    if (status) return status;
    line_reader lines = read_lines(&text);
    long found = 0;
    double weights = 0.0;
    while (next_line(&lines)) ++found;
    if (found == 0) status = usage_error("-sourcefile %s: the file holds no source", opt->sourcefile);
    if (!status) status = make_room((double)found, x);
    lines = read_lines(&text);
    for (x->sources = 0; !status && next_line(&lines); ++x->sources) {
        status = read_source(opt, &lines, x, &x->source[x->sources]);
        if (!status) weights += x->source[x->sources].weight;
    }
    free(text.bytes);
    if (status) return status;
    if (!(weights > 0.0) && !opt->odd.source_weights_ignored) {
        return usage_error("-sourcefile %s: the weights add up to 0", opt->sourcefile);
    }
    for (long i = 0; i < x->sources; ++i) {
        if (opt->odd.source_weights_ignored) x->source[i].weight = 1.0;
        else x->source[i].weight *= (double)x->sources / weights;
    }
    return STATUS_OK;
}

int resolve_sources(const options *opt, experiment *x)
{
    return opt->sourcefile ? read_sources(opt, x) : generate(opt, x);
}
