/* From options to an experiment, in the order in which each part needs the one before. */
#include "experiment.h"

#include <stdio.h>
#include <stdlib.h>

#include "message.h"

static int resolve_beam(const options *opt, experiment *x)
{
    double beamsize = number_or(opt->beamsize, 0.1e-3), flux = number_or(opt->flux, 0.0);
    x->wavelength = number_or(opt->wavelength, 1e-10);
    if (!(x->wavelength > 0.0)) return usage_error("-lambda must be greater than 0 Angstrom");
    x->fluence = number_or(opt->fluence, 1.25932015286227086e29);
    if (flux != 0.0) {
        if (!(beamsize > 0.0)) return usage_error("-beamsize must be greater than 0 mm when -flux is given");
        x->fluence = flux * number_or(opt->exposure, 1.0) / (beamsize * beamsize);
    }
    if (x->fluence < 0.0 || !isfinite(x->fluence)) return usage_error("-fluence, -flux: the fluence must be a positive number");
    x->polarization = number_or(opt->polarization, 0.0);
    x->dmin = number_or(opt->dmin, 0.0);
    x->water = number_or(opt->water, 0.0);
    if (x->water < 0.0) return usage_error("-water must not be negative");
    return STATUS_OK;
}

int resolve_experiment(const options *opt, experiment *x)
{
    const experiment empty = {0};
    *x = empty;
    x->opt = opt;
    int status = resolve_threads(opt, x);
    if (!status) status = resolve_beam(opt, x);
    if (!status) status = resolve_detector(opt, x);
    if (!status) status = load_mask(opt, x);
    if (!status) status = resolve_crystal(opt, x);
    if (!status) status = resolve_structure_factors(opt, x);
    if (!status) status = resolve_sampling(opt, x);
    if (!status) status = resolve_sources(opt, x);
    if (!status) status = resolve_mosaic(opt, x);
    if (!status) status = resolve_spindle(opt, x);
    return status;
}

static void describe_vector(const char *name, vec3 v)
{
    printf("  %-8s %.9g %.9g %.9g\n", name, v.x, v.y, v.z);
}

void describe_experiment(const experiment *x)
{
    static const char *const conventions[] = {"MOSFLM", "DENZO", "ADXV", "XDS", "DIALS", "CUSTOM"};
    static const char *const shapes[] = {"square", "round", "gauss", "tophat"};
    const detector *det = &x->det;
    const crystal *xtal = &x->xtal;

    printf("detector: %ld x %ld pixels of %g mm, %s convention, pivot %s\n", det->fpixels, det->spixels, det->pixel * 1e3,
           conventions[det->convention], det->pivot == PIVOT_BEAM ? "beam" : "sample");
    printf("  distance %g mm, close distance %g mm, direct beam at %g %g mm\n", det->distance * 1e3,
           det->close_distance * 1e3, det->fbeam * 1e3, det->sbeam * 1e3);
    describe_vector("beam", det->beam);
    describe_vector("fast", det->fast);
    describe_vector("slow", det->slow);
    describe_vector("normal", det->normal);
    describe_vector("pix0 (m)", det->pix0);
    printf("  region of interest %ld %ld %ld %ld, %ld x %ld sub-pixels, %ld layers of %g um\n", det->roi[0], det->roi[1],
           det->roi[2], det->roi[3], det->oversample, det->oversample, det->layers, det->layer_step * 1e6);
    printf("crystal: %ld x %ld x %ld cells, %s, cell volume %g A^3\n", xtal->Na, xtal->Nb, xtal->Nc, shapes[xtal->shape],
           xtal->volume);
    describe_vector("a (A)", scaled(xtal->a, 1e10));
    describe_vector("b (A)", scaled(xtal->b, 1e10));
    describe_vector("c (A)", scaled(xtal->c, 1e10));
    printf("  structure factors: %s, default_F %g, %s\n", x->sf.loaded ? "from a file" : "all default_F", x->sf.default_F,
           x->interpolate ? "tricubic interpolation" : "nearest");
    printf("beam: wavelength %g A, fluence %g photons/m^2, polarization %g%s\n", x->wavelength * 1e10, x->fluence,
           x->polarization, x->opt->nopolar ? " (correction off)" : "");
    printf("  %ld sources: divergence %ld x %ld steps, dispersion %ld steps\n", x->sources, x->hdivsteps, x->vdivsteps,
           x->dispsteps);
    printf("steps: %ld mosaic domains of %g degrees, %ld phi steps of %g from %g degrees\n", x->domains,
           x->mosaic_spread / RADIANS_PER_DEGREE, x->phisteps, x->phistep / RADIANS_PER_DEGREE,
           x->phi0 / RADIANS_PER_DEGREE);
}

void free_experiment(experiment *x)
{
    free(x->det.mask);
    free(x->sf.F);
    free(x->source);
    free(x->domain);
    free(x->phi_first); /* phi_axes lies in the same block */
}
