/* From photons to files: statistics, the 16-bit image, the picture, the image with noise. */
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message.h"
#include "random.h"

#define ADC_OFFSET 40.0
#define LARGEST_COUNT 65535.0

statistics image_statistics(const experiment *x, const image *img)
{
    const long *roi = x->det.roi;
    statistics s = {0};
    double sum = 0.0, squares = 0.0, deviations = 0.0;
    for (int pass = 0; pass < 2; ++pass) {
        for (long spixel = roi[2]; spixel <= roi[3]; ++spixel) {
            const float *row = img->pixel + spixel * x->det.fpixels;
            if (pass == 0) s.solid_angle += img->row_omega[spixel];
            for (long fpixel = roi[0]; fpixel <= roi[1]; ++fpixel) {
                double value = (double)row[fpixel];
                if (pass == 1) {
                    deviations += (value - s.mean) * (value - s.mean);
                    continue;
                }
                if (s.pixels == 0 || value > s.max) {
                    s.max = value;
                    s.max_fpixel = fpixel;
                    s.max_spixel = spixel;
                }
                if (!isfinite(value)) ++s.not_finite;
                sum += value;
                squares += value * value;
                ++s.pixels;
            }
        }
        s.mean = sum / (double)s.pixels;
    }
    double freedom = s.pixels > 1 ? (double)(s.pixels - 1) : 1.0;
    s.rms = sqrt(squares / freedom);
    s.rmsd = sqrt(deviations / freedom);
    return s;
}

/* The names of all files that this run writes; their number. */
enum { MOST_FILES = 5 };

static int list_outputs(const options *opt, output_file files[MOST_FILES])
{
    const struct {
        const char *flag, *path;
    } all[MOST_FILES] = {{"-floatfile", opt->floatfile},
                         {"-intfile", opt->intfile},
                         {"-pgmfile", opt->nopgm ? NULL : opt->pgmfile},
                         {"-noisefile", opt->nonoise ? NULL : opt->noisefile},
                         {"-dump", dump_path(opt)}};
    int count = 0;
    for (int i = 0; i < MOST_FILES; ++i) {
        if (!all[i].path) continue;
        output_file file = {all[i].flag, all[i].path, {NULL, NULL}, {0, 0}, NULL, NULL};
        files[count++] = file;
    }
    return count;
}

int check_outputs(const options *opt)
{
    output_file files[MOST_FILES];
    int count = list_outputs(opt, files), status = STATUS_OK;
    for (int i = 0; i < count && !status; ++i) {
        status = check_output_file(files[i].flag, files[i].path);
        for (int j = 0; j < i && !status; ++j) {
            if (strcmp(files[i].path, files[j].path) == 0 && strncmp(files[i].path, "/dev/", 5) != 0) {
                status = usage_error("%s and %s both name %s", files[j].flag, files[i].flag, files[i].path);
            }
        }
    }
    if (!status && opt->scale.given && !(opt->scale.value > 0.0)) status = usage_error("-scale must be greater than 0");
    if (!status && opt->pgmscale.given && !(opt->pgmscale.value > 0.0)) {
        status = usage_error("-pgmscale must be greater than 0");
    }
    return status;
}

static void put_count(unsigned char *to, double value)
{
    unsigned whole = value > LARGEST_COUNT ? 65535u : value > 0.0 ? (unsigned)value : 0u;
    to[0] = (unsigned char)(whole & 0xff);
    to[1] = (unsigned char)(whole >> 8);
}

/* Pixels outside the region of interest stay 0 in every image. */
static void fill_integers(const experiment *x, const image *img, double scale, double adc, unsigned char *bytes)
{
    const long *roi = x->det.roi;
    for (long s = roi[2]; s <= roi[3]; ++s) {
        for (long f = roi[0]; f <= roi[1]; ++f) {
            long i = s * x->det.fpixels + f;
            put_count(bytes + 2 * i, floor((double)img->pixel[i] * scale + adc + 0.5));
        }
    }
}

static void fill_picture(const experiment *x, const image *img, double scale, unsigned char *bytes)
{
    const long *roi = x->det.roi;
    for (long s = roi[2]; s <= roi[3]; ++s) {
        for (long f = roi[0]; f <= roi[1]; ++f) {
            long i = s * x->det.fpixels + f;
            double value = (double)img->pixel[i] * scale;
            bytes[i] = (unsigned char)(value > 255.0 ? 255.0 : value > 0.0 ? value : 0.0);
        }
    }
}

/* Draws in raster order; returns the number of pixels that overflow. */
static long fill_noise(const experiment *x, const image *img, long seed, double adc, unsigned char *bytes, double *photons)
{
    const long *roi = x->det.roi;
    random_stream stream;
    long overloads = 0;
    start_stream(&stream, -seed);
    *photons = 0.0;
    for (long s = roi[2]; s <= roi[3]; ++s) {
        for (long f = roi[0]; f <= roi[1]; ++f) {
            long i = s * x->det.fpixels + f;
            double seen = (double)poisson(&stream, img->pixel[i]), value = seen + adc;
            *photons += seen;
            if (value > LARGEST_COUNT) ++overloads;
            put_count(bytes + 2 * i, value);
        }
    }
    return overloads;
}

static void set_parts(output_file *file, const void *first, size_t first_size, const void *second, size_t second_size)
{
    file->parts[0] = first;
    file->sizes[0] = first_size;
    file->parts[1] = second;
    file->sizes[1] = second_size;
}

/* The factor of the 16-bit image, and that of the picture. */
static double integer_scale(const options *opt, const statistics *stats)
{
    if (opt->scale.given) return opt->scale.value;
    return stats->max > 0.0 ? 55000.0 / stats->max : 1.0;
}

static double picture_scale(const options *opt, const statistics *stats)
{
    if (opt->pgmscale.given) return opt->pgmscale.value;
    return stats->rmsd > 0.0 ? 250.0 / (5.0 * stats->rmsd) : integer_scale(opt, stats);
}

int write_outputs(const experiment *x, const image *img, const statistics *stats)
{
    const options *opt = x->opt;
    size_t pixels = (size_t)x->det.fpixels * (size_t)x->det.spixels, smv_size = 0;
    double adc = number_or(opt->adc, ADC_OFFSET), scale = integer_scale(opt, stats), pgm_scale = picture_scale(opt, stats);
    long seed = opt->seed.given ? opt->seed.value : (long)time(NULL), overloads = 0;
    double photons = 0.0;
    char smv_header[LONGEST_SMV_HEADER], pgm_header[128], dump_header[160];
    output_file files[MOST_FILES];
    int count = list_outputs(opt, files), status = format_smv_header(x, smv_header, &smv_size);
    unsigned char *owned[MOST_FILES] = {NULL};

    for (int i = 0; i < count && !status; ++i) {
        output_file *file = &files[i];
        switch (file->flag[1]) {
        case 'f':
            set_parts(file, img->pixel, pixels * sizeof(float), NULL, 0);
            continue;
        case 'd':
            snprintf(dump_header, sizeof dump_header, "%ld %ld %ld %ld %ld %ld\n\f", x->sf.min[0], x->sf.max[0],
                     x->sf.min[1], x->sf.max[1], x->sf.min[2], x->sf.max[2]);
            set_parts(file, dump_header, strlen(dump_header), x->sf.F, x->sf.entries * sizeof(double));
            continue;
        default:
            break;
        }
        size_t bytes = file->flag[1] == 'p' ? pixels : 2 * pixels;
        owned[i] = memory_allows((double)bytes) ? calloc(bytes, 1) : NULL;
        if (!owned[i]) {
            status = too_large((double)bytes, file->path, "leave the file out or give fewer pixels");
        } else if (file->flag[1] == 'p') {
            snprintf(pgm_header, sizeof pgm_header, "P5\n%ld %ld\n# pixels scaled by %g\n255\n", x->det.fpixels,
                     x->det.spixels, pgm_scale);
            fill_picture(x, img, pgm_scale, owned[i]);
            set_parts(file, pgm_header, strlen(pgm_header), owned[i], bytes);
        } else {
            if (file->flag[1] == 'i') fill_integers(x, img, scale, adc, owned[i]);
            else overloads = fill_noise(x, img, seed, adc, owned[i], &photons);
            set_parts(file, smv_header, smv_size, owned[i], bytes);
        }
    }
    if (!status) status = write_files(files, count);
    for (int i = 0; i < count; ++i) free(owned[i]);
    if (status || opt->quiet) return status;
    for (int i = 0; i < count; ++i) printf("wrote %s (%s)\n", files[i].path, files[i].flag);
    if (!opt->nonoise) printf("noise: seed %ld, %.9g photons, %ld overloads\n", seed, photons, overloads);
    return STATUS_OK;
}
