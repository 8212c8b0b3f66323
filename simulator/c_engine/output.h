/* The files of a run: computed in memory, written beside their names, renamed when all are whole. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "image.h"

typedef struct {
    long pixels, not_finite;
    double max, mean, rms, rmsd;
    long max_fpixel, max_spixel;
    double solid_angle; /* of the computed pixels, steradian */
} statistics;

statistics image_statistics(const experiment *x, const image *img);

/* Complains before the work starts if a file could not be written afterwards. */
int check_outputs(const options *opt);

int write_outputs(const experiment *x, const image *img, const statistics *stats);

/* smv_write.c: the header for this experiment, padded; its size goes to `size` (512, or 1024 if it is longer). */
enum { LONGEST_SMV_HEADER = 1024 };
int format_smv_header(const experiment *x, char header[LONGEST_SMV_HEADER], size_t *size);

/* files.c: one file to be written. */
typedef struct {
    const char *flag, *path;
    const void *parts[2];
    size_t sizes[2];
    char *target, *temporary;
} output_file;

int check_output_file(const char *flag, const char *path);
int write_files(output_file *files, int count);

/* structure_factors.c: where the cache of structure factors goes, or NULL. */
const char *dump_path(const options *opt);

#endif
