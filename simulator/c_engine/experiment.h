/* What is simulated, everything resolved: metres, radians, photons; reciprocal cell vectors in 1/Angstrom. */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "vec.h"

typedef struct {
    long fpixels, spixels, roi[4]; /* roi: xmin xmax ymin ymax, inclusive, within the detector */
    double pixel, detsize_f, detsize_s;
    int convention, pivot;
    vec3 beam, fast, slow, normal, twotheta_axis, polar, spindle;
    vec3 pix0; /* from the sample to the outer corner of the first pixel */
    double distance, close_distance;
    double xbeam, ybeam; /* as given or defaulted, before the convention is applied */
    double fbeam, sbeam, fclose, sclose, twotheta;
    bool curved, point_pixel;
    long layers;
    double thickness, layer_step, attenuation; /* attenuation: 1/m */
    long oversample;
    unsigned char *mask; /* 0 where a pixel is skipped; NULL: none is */
} detector;

typedef struct {
    vec3 a_star, b_star, c_star; /* 1/Angstrom */
    vec3 a, b, c;                /* metres */
    double volume;               /* cubic Angstrom */
    long Na, Nb, Nc;
    int shape;
    double fudge;
} crystal;

/* Structure factors on a box of Miller indices, stored as nanoBragg's cache stores them: one spare entry per axis. */
typedef struct {
    bool loaded;
    long min[3], max[3];
    size_t stride_h, stride_k; /* entries from one h, one k, to the next */
    size_t entries;
    double *F;
    double default_F;
} structure_factors;

typedef struct {
    vec3 incident; /* unit vector, from the source to the sample */
    double wavelength, weight;
} source;

typedef struct {
    vec3 a, b, c;
} axes;

typedef struct {
    const options *opt;
    detector det;
    crystal xtal;
    structure_factors sf;
    bool interpolate;

    long sources;
    source *source;
    double hdivrange, hdivstep, vdivrange, vdivstep, dispersion, dispstep;
    long hdivsteps, vdivsteps, dispsteps;

    double phi0, osc, phistep;
    long phisteps;
    axes *phi_axes;  /* the cell at each phi step */
    axes *phi_first; /* the same for the very first evaluation of the image (oddity phi-carry-over) */
    bool phi_first_differs;

    double mosaic_spread;
    long domains;
    mat3 *domain;

    double wavelength, fluence, polarization, dmin, water;
    int threads;
} experiment;

/* Each resolves its part from the options; 0, or an exit status after the message. */
int resolve_detector(const options *opt, experiment *x);
int resolve_sampling(const options *opt, experiment *x); /* steps, layers, sub-pixels, interpolation */
int resolve_crystal(const options *opt, experiment *x);
int resolve_structure_factors(const options *opt, experiment *x);
int resolve_sources(const options *opt, experiment *x);
int resolve_mosaic(const options *opt, experiment *x);
int resolve_spindle(const options *opt, experiment *x);
int resolve_threads(const options *opt, experiment *x);
int load_mask(const options *opt, experiment *x);

int resolve_experiment(const options *opt, experiment *x);
void describe_experiment(const experiment *x);
void free_experiment(experiment *x);

/* The value, or `fallback` if none was given. */
static inline double number_or(given_number n, double fallback)
{
    return n.given ? n.value : fallback;
}

#endif
