/* Raster order without raster order: rows in parallel, with what nanoBragg's pixels leave to each other worked out. */
#include "image.h"

#include <stdlib.h>

#include "message.h"
#include "progress.h"
#include "scattering.h"
#include "sum.h"

static bool is_masked(const experiment *x, long index)
{
    return x->det.mask && x->det.mask[index] == 0;
}

/* Whether any source of this pixel gets past -dmin. */
static bool has_evaluation(const experiment *x, long fpixel, long spixel)
{
    const detector *det = &x->det;
    if (!(x->dmin > 0.0)) return true;
    for (long layer = 0; layer < det->layers; ++layer) {
        for (long sub_s = 0; sub_s < det->oversample; ++sub_s) {
            for (long sub_f = 0; sub_f < det->oversample; ++sub_f) {
                detector_point at = look_at(det, sub_pixel_centre(det, fpixel, sub_f), sub_pixel_centre(det, spixel, sub_s),
                                            (double)layer * det->layer_step);
                for (long i = 0; i < x->sources; ++i) {
                    if (!beyond_resolution(x, scattering_vector(&x->source[i], at.direction))) return true;
                }
            }
        }
    }
    return false;
}

/* The first pixel in raster order with an evaluation: there alone a step at phi = 0 may find the cell at rest. */
static long find_first_evaluation(const experiment *x)
{
    const long *roi = x->det.roi;
    if (!x->phi_first_differs) return -1;
    for (long s = roi[2]; s <= roi[3]; ++s) {
        for (long f = roi[0]; f <= roi[1]; ++f) {
            long index = s * x->det.fpixels + f;
            if (!is_masked(x, index) && has_evaluation(x, f, s)) return index;
        }
    }
    return -1;
}

/* One row from its first pixel on. Returns the pixel in which interpolation went off, or `none`. */
static long render_row(const experiment *x, image *img, long spixel, bool interpolate, long none)
{
    raster_state raster = {false, interpolate};
    double omega, omegas = 0.0;
    long latched = none;
    for (long f = x->det.roi[0]; f <= x->det.roi[1]; ++f) {
        long index = spixel * x->det.fpixels + f;
        if (is_masked(x, index)) continue;
        raster.first_evaluation = index == img->first_pixel;
        img->pixel[index] = (float)sum_pixel(x, f, spixel, &raster, &omega);
        omegas += omega;
        if (interpolate && !raster.interpolate && latched == none) latched = index;
    }
    img->row_omega[spixel] = omegas;
    return latched;
}

/* Interpolation goes off for good at the first sample, in raster order, that does not allow it. Rows before that
 * sample keep it on and rows after it have it off, so a row is computed with what is known when it starts, and once
 * more without interpolation if an earlier row turns out to have ended it. */
static void render_rows(const experiment *x, image *img, bool *interpolated)
{
    const long first = x->det.roi[2], last = x->det.roi[3], none = img->latch_pixel;
    long latch = none, done = 0;
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->threads)
    for (long s = first; s <= last; ++s) {
        long known, rows;
#pragma omp atomic read
        known = latch;
        interpolated[s] = x->interpolate && (known == none || known / x->det.fpixels >= s);
        long latched = render_row(x, img, s, interpolated[s], none);
#pragma omp critical(raster)
        {
            if (latched < latch) {
#pragma omp atomic write
                latch = latched;
            }
            rows = ++done;
            show_progress(x->opt, rows, last - first + 1);
        }
    }
    img->latch_pixel = latch;
    if (latch == none) return;
#pragma omp parallel for schedule(dynamic, 1) num_threads(x->threads)
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
    const long *roi = x->det.roi;
    long index = spixel * x->det.fpixels + fpixel;
    bool computed = fpixel >= roi[0] && fpixel <= roi[1] && spixel >= roi[2] && spixel <= roi[3] && !is_masked(x, index);
    raster_state raster = {index == img->first_pixel, x->interpolate && index <= img->latch_pixel};
    trace_integer(tell, "fpixel", fpixel);
    trace_integer(tell, "spixel", spixel);
    trace_flag(tell, "computed", computed);
    if (computed) sum_pixel_aloud(x, fpixel, spixel, &raster, tell);
    trace_number(tell, "image", (double)img->pixel[index]);
}

void free_image(image *img)
{
    free(img->pixel);
    free(img->row_omega);
}
