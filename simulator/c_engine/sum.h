/* The image: the sum over sensor layers, sub-pixels, sources, phi steps and mosaic domains in every pixel. */
#ifndef SUM_H
#define SUM_H

#include "experiment.h"
#include "trace.h"

typedef struct {
    float *pixel;        /* photons, slow-major */
    double *row_omega;   /* solid angle seen by the computed pixels of each row */
    long first_pixel;    /* index of the pixel that holds the very first evaluation, or -1 */
    long latch_pixel;    /* index of the pixel in which interpolation went off for good, or the number of pixels */
    double seconds;      /* wall-clock time of the pixel loop */
} image;

/* Computes the image on x->threads threads; the result does not depend on their number. */
int render(const experiment *x, image *img);

/* Computes one pixel once more with the same code, telling every intermediate value. */
void trace_pixel(const experiment *x, const image *img, long fpixel, long spixel, trace *tell);

void free_image(image *img);

#endif
