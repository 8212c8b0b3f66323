/* Where the detector stands: conventions, direct beam, rotations (simulator.md, Detector geometry). */
#include <stdio.h>

#include "experiment.h"
#include "message.h"

typedef struct {
    vec3 beam, fast, slow, normal, twotheta_axis, polar, spindle;
    int pivot;
} convention_row;

static const convention_row rows[] = {
    [MOSFLM] = {{1, 0, 0}, {0, 0, 1}, {0, -1, 0}, {1, 0, 0}, {0, 0, -1}, {0, 0, 1}, {0, 0, 1}, PIVOT_BEAM},
    [DENZO] = {{1, 0, 0}, {0, 0, 1}, {0, -1, 0}, {1, 0, 0}, {0, 0, -1}, {0, 0, 1}, {0, 0, 1}, PIVOT_BEAM},
    [ADXV] = {{0, 0, 1}, {1, 0, 0}, {0, -1, 0}, {0, 0, 1}, {-1, 0, 0}, {1, 0, 0}, {1, 0, 0}, PIVOT_BEAM},
    [XDS] = {{0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, PIVOT_SAMPLE},
    [DIALS] = {{0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}, PIVOT_SAMPLE},
    /* what a custom set-up leaves out; its default pivot is nanoBragg's */
    [CUSTOM] = {{1, 0, 0}, {0, 0, 1}, {0, -1, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 0, 1}, PIVOT_BEAM},
};

/* Largest count that still fits the index of every file format written here. */
#define MOST_PIXELS 2147483647.0

static int size_axis(const char *flag, given_count pixels, given_number detsize, double pixel, long *n, double *size)
{
    *size = number_or(detsize, 102.4e-3);
    if (pixels.given && pixels.value < 1) return usage_error("%s must be at least 1 pixel", flag);
    if (pixels.given) *size = (double)pixels.value * pixel;
    if (!(*size > 0.0)) return usage_error("the detector has no size: give a positive -detsize or -detpixels");
    double exact = ceil(*size / pixel - 0.5);
    if (exact < 1.0) return usage_error("the detector has zero pixels: -detsize is smaller than half a -pixel");
    if (exact > MOST_PIXELS) return usage_error("the detector has %.0f pixels along one axis (%s): give fewer", exact, flag);
    *n = (long)exact;
    return STATUS_OK;
}

static int size_detector(const options *opt, detector *det)
{
    det->pixel = number_or(opt->pixel, 0.1e-3);
    if (!(det->pixel > 0.0)) return usage_error("-pixel must be greater than 0 mm");
    int status = size_axis("-detpixels, -detpixels_f", opt->detpixels_f, opt->detsize_f, det->pixel, &det->fpixels, &det->detsize_f);
    if (status) return status;
    status = size_axis("-detpixels, -detpixels_s", opt->detpixels_s, opt->detsize_s, det->pixel, &det->spixels, &det->detsize_s);
    if (status) return status;

    /* the image, its 16-bit forms and its picture are in memory together */
    double pixels = (double)det->fpixels * (double)det->spixels;
    double bytes = pixels * (4.0 + 2.0 + (opt->nonoise ? 0.0 : 2.0) + (opt->nopgm ? 0.0 : 1.0) + (opt->mask ? 1.0 : 0.0));
    if (pixels > MOST_PIXELS) {
        return usage_error("the image of %ld x %ld pixels would need %.3g GB of memory, and has more than the %.0f "
                           "pixels that can be indexed: give fewer with -detpixels", det->fpixels, det->spixels,
                           bytes / 1e9, MOST_PIXELS);
    }
    if (!memory_allows(bytes)) {
        char what[64];
        snprintf(what, sizeof what, "the image of %ld x %ld pixels", det->fpixels, det->spixels);
        return too_large(bytes, what, "give fewer with -detpixels");
    }
    return STATUS_OK;
}

static int resolve_roi(const options *opt, detector *det)
{
    long last[4] = {0, det->fpixels - 1, 0, det->spixels - 1};
    for (int i = 0; i < 4; ++i) det->roi[i] = opt->roi[i].given ? opt->roi[i].value : last[i];
    if (det->roi[0] < 0) det->roi[0] = 0;
    if (det->roi[1] > last[1]) det->roi[1] = last[1];
    if (det->roi[2] < 0) det->roi[2] = 0;
    if (det->roi[3] > last[3]) det->roi[3] = last[3];
    if (det->roi[0] > det->roi[1] || det->roi[2] > det->roi[3]) {
        return usage_error("-roi names no pixel of the %ld x %ld detector: the order is xmin xmax ymin ymax",
                           det->fpixels, det->spixels);
    }
    return STATUS_OK;
}

static vec3 given_or(const options *opt, given_vector given, vec3 row)
{
    return unit(opt->convention == CUSTOM && given.given ? given.value : row);
}

static int check_directions(const options *opt)
{
    const struct {
        const char *flag;
        given_vector d;
    } all[] = {{"-fdet_vector", opt->fast}, {"-sdet_vector", opt->slow}, {"-beam_vector", opt->beam},
               {"-polar_vector", opt->polar}, {"-spindle_axis", opt->spindle}, {"-twotheta_axis", opt->twotheta_axis}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        if (all[i].d.given && !(length(all[i].d.value) > 0.0)) {
            return usage_error("%s 0 0 0 has no direction", all[i].flag);
        }
    }
    return STATUS_OK;
}

static void take_axes(const options *opt, detector *det)
{
    const convention_row *row = &rows[opt->convention];
    det->convention = opt->convention;
    det->beam = given_or(opt, opt->beam, row->beam);
    det->fast = given_or(opt, opt->fast, row->fast);
    det->slow = given_or(opt, opt->slow, row->slow);
    det->twotheta_axis = given_or(opt, opt->twotheta_axis, row->twotheta_axis);
    det->polar = given_or(opt, opt->polar, row->polar);
    det->spindle = given_or(opt, opt->spindle, row->spindle);

    vec3 normal = opt->convention == CUSTOM && opt->normal.given ? opt->normal.value : row->normal;
    bool regenerate = opt->odd.normal_regenerated ? length(normal) != 1.0 : !(length(normal) > 0.0);
    det->normal = regenerate ? unit(cross(det->fast, det->slow)) : unit(normal);

    if (opt->convention == CUSTOM || !opt->odd.convention_forces_pivot) {
        det->pivot = opt->pivot != PIVOT_UNSET ? opt->pivot : row->pivot;
    } else {
        det->pivot = row->pivot;
    }
}

/* Direct beam and near point on the detector, before any rotation. */
static void take_beam_centre(const options *opt, detector *det)
{
    double p = det->pixel;
    det->fclose = opt->orgx.given ? (opt->orgx.value - 0.5) * p : det->detsize_f / 2.0;
    det->sclose = opt->orgy.given ? (opt->orgy.value - 0.5) * p : det->detsize_s / 2.0;
    double xclose = number_or(opt->xclose, det->fclose), yclose = number_or(opt->yclose, det->sclose);
    if (!opt->odd.close_is_a_default) {
        det->fclose = xclose;
        det->sclose = yclose;
    }

    switch (det->convention) {
    case MOSFLM:
    case DENZO: {
        double half = det->convention == MOSFLM ? p / 2.0 : 0.0;
        det->xbeam = number_or(opt->xbeam, (det->detsize_s + p) / 2.0);
        det->ybeam = number_or(opt->ybeam, (det->detsize_f + p) / 2.0);
        det->fbeam = det->ybeam + half;
        det->sbeam = det->xbeam + half;
        break;
    }
    case ADXV:
        det->xbeam = number_or(opt->xbeam, (det->detsize_f + p) / 2.0);
        det->ybeam = number_or(opt->ybeam, (det->detsize_s - p) / 2.0);
        det->fbeam = det->xbeam;
        det->sbeam = det->detsize_s - det->ybeam;
        break;
    default:
        det->xbeam = number_or(opt->xbeam, xclose);
        det->ybeam = number_or(opt->ybeam, yclose);
        det->fbeam = det->xbeam;
        det->sbeam = det->ybeam;
        if (det->convention == CUSTOM) {
            det->fclose = det->xbeam;
            det->sclose = det->ybeam;
        }
    }
}

static int place_detector(const options *opt, detector *det)
{
    vec3 turns = vec(number_or(opt->rotx, 0.0), number_or(opt->roty, 0.0), number_or(opt->rotz, 0.0));
    vec3 turned = rotate_xyz(det->normal, turns);
    det->twotheta = number_or(opt->twotheta, 0.0);
    if (!opt->odd.ratio_before_twotheta) turned = rotate_axis(turned, det->twotheta_axis, det->twotheta);

    det->distance = number_or(opt->distance, 100e-3);
    if (opt->distance.given && !(det->distance > 0.0)) return usage_error("-distance must be greater than 0 mm");
    if (opt->close_distance.given && !(opt->close_distance.value > 0.0)) {
        return usage_error("-close_distance must be greater than 0 mm");
    }
    double ratio = dot(det->beam, turned);
    if (fabs(ratio) < 1e-9) return usage_error("the detector lies along the beam: change its rotations or vectors");
    det->close_distance = number_or(opt->close_distance, fabs(ratio * det->distance));
    det->distance = det->close_distance / ratio;

    if (det->pivot == PIVOT_SAMPLE) {
        vec3 corner = add(add(scaled(det->fast, -det->fclose), scaled(det->slow, -det->sclose)),
                          scaled(det->normal, det->close_distance));
        det->pix0 = rotate_axis(rotate_xyz(corner, turns), det->twotheta_axis, det->twotheta);
    }
    det->fast = rotate_axis(rotate_xyz(det->fast, turns), det->twotheta_axis, det->twotheta);
    det->slow = rotate_axis(rotate_xyz(det->slow, turns), det->twotheta_axis, det->twotheta);
    det->normal = rotate_axis(rotate_xyz(det->normal, turns), det->twotheta_axis, det->twotheta);
    if (det->pivot == PIVOT_BEAM) {
        det->pix0 = add(add(scaled(det->fast, -det->fbeam), scaled(det->slow, -det->sbeam)),
                        scaled(det->beam, det->distance));
    }
    if (opt->pix0.given && opt->convention == CUSTOM && !opt->odd.pix0_ignored) det->pix0 = opt->pix0.value;

    det->fclose = -dot(det->pix0, det->fast);
    det->sclose = -dot(det->pix0, det->slow);
    det->close_distance = dot(det->pix0, det->normal);
    vec3 hit = sub(scaled(det->beam, det->close_distance / ratio), det->pix0);
    det->fbeam = dot(det->fast, hit);
    det->sbeam = dot(det->slow, hit);
    det->distance = det->close_distance / ratio;
    if (!(det->close_distance > 0.0)) warning("the detector faces away from the sample: its pixels come out negative or 0");
    return STATUS_OK;
}

int resolve_detector(const options *opt, experiment *x)
{
    detector *det = &x->det;
    det->curved = opt->curved;
    det->point_pixel = opt->point_pixel;
    int status = size_detector(opt, det);
    if (!status) status = resolve_roi(opt, det);
    if (!status) status = check_directions(opt);
    if (status) return status;
    take_axes(opt, det);
    take_beam_centre(opt, det);
    return place_detector(opt, det);
}
