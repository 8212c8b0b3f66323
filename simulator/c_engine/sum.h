/* The sum over sensor layers, sub-pixels, sources, phi steps and mosaic domains in one pixel. */
#ifndef SUM_H
#define SUM_H

#include "experiment.h"
#include "trace.h"

/* What nanoBragg's pixels hand on to each other in raster order. */
typedef struct {
    bool first_evaluation; /* no phi step was computed before this pixel (oddity phi-carry-over) */
    bool interpolate;      /* cleared by the first sample that allows no interpolation (oddity interpolation-latch) */
} raster_state;

/* Photons in one pixel; `omega` receives its solid angle. */
double sum_pixel(const experiment *x, long fpixel, long spixel, raster_state *raster, double *omega);

/* The same, telling every intermediate value on the way. */
double sum_pixel_aloud(const experiment *x, long fpixel, long spixel, raster_state *raster, trace *tell);

#endif
