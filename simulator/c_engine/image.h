/* The image: all pixels, on any number of threads, as if they were computed in raster order. */
#ifndef IMAGE_H
#define IMAGE_H

#include "experiment.h"
#include "trace.h"

typedef struct {
    float *pixel;      /* photons, slow-major */
    double *row_omega; /* solid angle of the computed pixels of each row */
    long first_pixel;  /* index of the pixel with the very first evaluation, where that matters; or -1 */
    long latch_pixel;  /* index of the pixel in which interpolation went off for good, or the number of pixels */
    double seconds;    /* wall-clock time of the pixel loop */
} image;

/* Computes the image on x->threads threads. */
int render(const experiment *x, image *img);

/* Computes one pixel once more by the same code, telling every intermediate value. */
void trace_pixel(const experiment *x, const image *img, long fpixel, long spixel, trace *tell);

void free_image(image *img);

#endif
