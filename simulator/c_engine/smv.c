/* Reading SMV headers and masks. */
#include "smv.h"

#include <stdlib.h>
#include <string.h>

#include "experiment.h"
#include "message.h"

enum { LEAST_HEADER = 512, LONGEST_VALUE = 64 };

/* The text after the last "KEY=" of the header; keys stand at the start of a line or after a semicolon. */
static bool smv_text(const char *header, size_t size, const char *key, char value[LONGEST_VALUE])
{
    size_t key_size = strlen(key);
    bool found = false;
    for (size_t i = 1; i + key_size < size && header[i] != '}'; ++i) {
        char before = header[i - 1];
        if (before != '\n' && before != ';' && before != ' ' && before != '{' && before != '\r') continue;
        if (memcmp(header + i, key, key_size) != 0 || header[i + key_size] != '=') continue;
        size_t used = 0;
        for (size_t j = i + key_size + 1; j < size && !strchr(";\r\n}", header[j]) && used + 1 < LONGEST_VALUE; ++j) {
            if (header[j] != ' ' || used > 0) value[used++] = header[j];
        }
        while (used > 0 && value[used - 1] == ' ') --used;
        value[used] = '\0';
        found = true;
    }
    return found;
}

bool smv_number(const smv_file *smv, const char *key, double *value)
{
    char word[LONGEST_VALUE];
    return smv_text(smv->text.bytes, smv->header_bytes, key, word) && read_number(word, value);
}

static int read_header(const char *flag, const char *path, smv_file *smv)
{
    const char *bytes = smv->text.bytes;
    size_t size = smv->text.size < LEAST_HEADER ? smv->text.size : LEAST_HEADER;
    char word[LONGEST_VALUE];
    long header_bytes;
    if (size < 1 || bytes[0] != '{') return usage_error("%s %s: this is no SMV file: it does not start with {", flag, path);
    if (!smv_text(bytes, size, "HEADER_BYTES", word) || !read_integer(word, &header_bytes) || header_bytes < 16) {
        return usage_error("%s %s: the SMV header has no proper HEADER_BYTES", flag, path);
    }
    if ((unsigned long)header_bytes > smv->text.size) {
        return usage_error("%s %s: the SMV header is cut off: %zu of %ld bytes", flag, path, smv->text.size, header_bytes);
    }
    smv->header_bytes = (size_t)header_bytes;

    double width, height;
    if (!smv_number(smv, "SIZE1", &width) || !smv_number(smv, "SIZE2", &height) || !(width >= 1.0 && width <= 2147483647.0) ||
        !(height >= 1.0 && height <= 2147483647.0)) {
        return usage_error("%s %s: the SMV header has no proper SIZE1 and SIZE2", flag, path);
    }
    smv->width = (long)width;
    smv->height = (long)height;
    return STATUS_OK;
}

int read_smv(const char *flag, const char *path, smv_file *smv)
{
    int status = read_file(flag, path, &smv->text);
    if (status) return status;
    status = read_header(flag, path, smv);
    if (status) free(smv->text.bytes);
    return status;
}

/* One header line as the option of the same meaning, with the pivot that the option implies. */
static void put_number(const smv_file *smv, const char *key, double factor, int pivot, options *opt, given_number *target)
{
    double value;
    if (!smv_number(smv, key, &value)) return;
    target->given = true;
    target->value = value * factor;
    if (pivot != PIVOT_UNSET) opt->pivot = pivot;
}

int take_header(const char *flag, const char *path, bool is_mask, options *opt)
{
    smv_file smv;
    int status = read_smv(flag, path, &smv);
    if (status) return status;
    opt->detpixels_f = (given_count){true, smv.width};
    opt->detpixels_s = (given_count){true, smv.height};
    put_number(&smv, "PIXEL_SIZE", 1e-3, PIVOT_UNSET, opt, &opt->pixel);
    put_number(&smv, "DISTANCE", 1e-3, PIVOT_BEAM, opt, &opt->distance);
    put_number(&smv, "CLOSE_DISTANCE", 1e-3, PIVOT_SAMPLE, opt, &opt->close_distance);
    put_number(&smv, "WAVELENGTH", 1e-10, PIVOT_UNSET, opt, &opt->wavelength);
    put_number(&smv, "BEAM_CENTER_X", 1e-3, PIVOT_BEAM, opt, &opt->xbeam);
    put_number(&smv, "BEAM_CENTER_Y", 1e-3, PIVOT_BEAM, opt, &opt->ybeam);
    if (is_mask && opt->ybeam.given) {
        double detsize_s = (double)smv.height * number_or(opt->pixel, 0.1e-3);
        opt->ybeam.value = detsize_s - opt->ybeam.value;
    }
    put_number(&smv, "ORGX", 1.0, PIVOT_SAMPLE, opt, &opt->orgx);
    put_number(&smv, "ORGY", 1.0, PIVOT_SAMPLE, opt, &opt->orgy);
    put_number(&smv, "PHI", RADIANS_PER_DEGREE, PIVOT_UNSET, opt, &opt->phi);
    put_number(&smv, "OSC_RANGE", RADIANS_PER_DEGREE, PIVOT_UNSET, opt, &opt->osc);
    free(smv.text.bytes);
    return STATUS_OK;
}

int load_mask(const options *opt, experiment *x)
{
    smv_file smv;
    if (!opt->mask) return STATUS_OK;
    int status = read_smv("-mask", opt->mask, &smv);
    if (status) return status;
    size_t pixels = (size_t)x->det.fpixels * (size_t)x->det.spixels;
    char type[LONGEST_VALUE] = "unsigned_short";
    smv_text(smv.text.bytes, smv.header_bytes, "TYPE", type);
    if (smv.width != x->det.fpixels || smv.height != x->det.spixels) {
        status = usage_error("-mask %s has %ld x %ld pixels, the detector %ld x %ld", opt->mask, smv.width, smv.height,
                             x->det.fpixels, x->det.spixels);
    } else if (strcmp(type, "unsigned_short") != 0) {
        status = usage_error("-mask %s: TYPE is %s; only unsigned_short can be read", opt->mask, type);
    } else if (smv.text.size - smv.header_bytes < 2 * pixels) {
        status = usage_error("-mask %s is cut off: %zu bytes of pixels instead of %zu", opt->mask,
                             smv.text.size - smv.header_bytes, 2 * pixels);
    } else if (!(x->det.mask = malloc(pixels))) {
        status = too_large((double)pixels, "the mask", "use a smaller detector");
    } else {
        /* only zero matters, and zero is zero in either byte order */
        const char *pixel = smv.text.bytes + smv.header_bytes;
        for (size_t i = 0; i < pixels; ++i) x->det.mask[i] = pixel[2 * i] != 0 || pixel[2 * i + 1] != 0;
    }
    free(smv.text.bytes);
    return status;
}
