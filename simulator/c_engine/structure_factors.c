/* Reading of structure factors: text files of h k l F, and the binary cache of their grid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiment.h"
#include "message.h"
#include "output.h"
#include "reader.h"

#define IMPLICIT_DUMP "Fdump.bin"
#define LARGEST_INDEX 1000000

typedef struct {
    long index[3];
    double F;
} reflection;

/* One line as a reflection; `fault` says what is wrong with it otherwise. */
static bool read_reflection(line_reader *lines, reflection *r, char *fault, size_t size)
{
    static const char *const column[4] = {"h", "k", "l", "F"};
    char word[64];
    for (int i = 0; i < 4; ++i) {
        double value;
        if (!next_word(lines, word, sizeof word)) {
            snprintf(fault, size, "%d column%s instead of h k l F", i, i == 1 ? "" : "s");
            return false;
        }
        if (!read_number(word, &value)) {
            snprintf(fault, size, "%s is \"%s\", which %s", column[i], word, number_fault(word));
            return false;
        }
        if (i == 3) {
            r->F = value;
        } else if (value != floor(value) || fabs(value) > LARGEST_INDEX) {
            snprintf(fault, size, "%s is \"%s\", which is not a whole number within a million", column[i], word);
            return false;
        } else {
            r->index[i] = (long)value;
        }
    }
    return true;
}

/* Makes a grid for the box min..max, filled with default_F. */
static int make_grid(const char *flag, const char *path, structure_factors *sf)
{
    double entries = 1.0;
    size_t n[3];
    for (int i = 0; i < 3; ++i) {
        n[i] = (size_t)(sf->max[i] - sf->min[i]) + 2; /* with the spare one */
        entries *= (double)n[i];
    }
    double bytes = entries * sizeof(double);
    sf->stride_k = n[2];
    sf->stride_h = n[1] * n[2];
    sf->entries = n[0] * sf->stride_h;
    sf->F = memory_allows(bytes) ? malloc(sf->entries * sizeof(double)) : NULL;
    if (!sf->F) {
        char what[512];
        snprintf(what, sizeof what, "%s %s: the box h %ld..%ld k %ld..%ld l %ld..%ld", flag, path, sf->min[0], sf->max[0],
                 sf->min[1], sf->max[1], sf->min[2], sf->max[2]);
        return too_large(bytes, what, "remove the outlying reflections");
    }
    for (size_t i = 0; i < sf->entries; ++i) sf->F[i] = sf->default_F;
    sf->loaded = true;
    return STATUS_OK;
}

static int read_hkl(const options *opt, structure_factors *sf)
{
    file_text text;
    int status = read_file("-hkl", opt->hkl, &text);
    if (status) return status;

    /* once for the box, once for the values: no list of reflections is kept */
    long reflections = 0, used;
    for (int pass = 0; pass < 2 && !status; ++pass) {
        line_reader lines = read_lines(&text);
        lines.show_comments = opt->odd.hkl_stops_at_text;
        for (used = 0; !status && next_line(&lines); ++used) {
            reflection r;
            char fault[160];
            if (!read_reflection(&lines, &r, fault, sizeof fault)) {
                if (opt->odd.hkl_stops_at_text) break;
                status = usage_error("-hkl %s, line %ld: %s", opt->hkl, lines.line, fault);
                break;
            }
            for (int i = 0; i < 3 && pass == 0; ++i) {
                if (used == 0 || r.index[i] < sf->min[i]) sf->min[i] = r.index[i];
                if (used == 0 || r.index[i] > sf->max[i]) sf->max[i] = r.index[i];
            }
            if (pass == 1) {
                sf->F[(size_t)(r.index[0] - sf->min[0]) * sf->stride_h + (size_t)(r.index[1] - sf->min[1]) * sf->stride_k +
                      (size_t)(r.index[2] - sf->min[2])] = r.F;
            }
        }
        if (pass == 0 && !status) {
            reflections = used;
            status = reflections > 0 ? make_grid("-hkl", opt->hkl, sf)
                                     : usage_error("-hkl %s: the file holds no reflection", opt->hkl);
        }
    }
    free(text.bytes);
    if (!status && !opt->quiet) {
        printf("structure factors: %ld reflections from %s, h %ld..%ld k %ld..%ld l %ld..%ld\n", reflections, opt->hkl,
               sf->min[0], sf->max[0], sf->min[1], sf->max[1], sf->min[2], sf->max[2]);
    }
    return status;
}

static int read_dump(const options *opt, const char *path, structure_factors *sf)
{
    file_text text;
    int status = read_file("-dump", path, &text);
    if (status) return status;
    int header = 0;
    sscanf(text.bytes, "%ld %ld %ld %ld %ld %ld\n\f%n", &sf->min[0], &sf->max[0], &sf->min[1], &sf->max[1], &sf->min[2],
           &sf->max[2], &header);
    /* the scan skips any blanks, and would take those that belong to the first number */
    const char *feed = memchr(text.bytes, '\f', text.size);
    if (header > 0 && feed) header = (int)(feed - text.bytes) + 1;
    for (int i = 0; i < 3 && header > 0; ++i) {
        if (sf->min[i] > sf->max[i] || labs(sf->min[i]) > LARGEST_INDEX || labs(sf->max[i]) > LARGEST_INDEX) header = 0;
    }
    if (header == 0) status = usage_error("-dump %s: this is no cache of structure factors", path);
    if (!status) {
        double entries = 1.0;
        for (int i = 0; i < 3; ++i) entries *= (double)(sf->max[i] - sf->min[i]) + 2.0;
        double bytes = (double)text.size - header;
        if (bytes != entries * sizeof(double)) {
            status = usage_error("-dump %s: %.0f bytes of data instead of %.0f", path, bytes, entries * sizeof(double));
        }
    }
    if (!status) status = make_grid("-dump", path, sf);
    if (!status) {
        memcpy(sf->F, text.bytes + header, sf->entries * sizeof(double));
        for (size_t i = 0; i < sf->entries && !status; ++i) {
            if (!isfinite(sf->F[i])) status = usage_error("-dump %s: entry %zu is not a finite number", path, i);
        }
    }
    free(text.bytes);
    if (!status && !opt->quiet) {
        printf("structure factors: cache %s, h %ld..%ld k %ld..%ld l %ld..%ld\n", path, sf->min[0], sf->max[0],
               sf->min[1], sf->max[1], sf->min[2], sf->max[2]);
    }
    return status;
}

int resolve_structure_factors(const options *opt, experiment *x)
{
    structure_factors *sf = &x->sf;
    sf->default_F = number_or(opt->default_F, 0.0);
    if (opt->hkl) return read_hkl(opt, sf);
    if (opt->dump) return read_dump(opt, opt->dump, sf);
    if (opt->odd.implicit_dump && access(IMPLICIT_DUMP, F_OK) == 0) return read_dump(opt, IMPLICIT_DUMP, sf);
    if (sf->default_F == 0.0) warning("every structure factor is 0: give -hkl or -default_F");
    return STATUS_OK;
}

const char *dump_path(const options *opt)
{
    if (!opt->hkl) return NULL;
    if (opt->dump) return opt->dump;
    return opt->odd.implicit_dump ? IMPLICIT_DUMP : NULL;
}
