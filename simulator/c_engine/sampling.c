/* How finely everything is sampled, with the rules for what was left out (simulator.md, Step counts). */
#include "experiment.h"
#include "message.h"

#define MOST_STEPS 1e9

/* n <= 0 counts as not given. */
static bool counted(given_count n)
{
    return n.given && n.value > 0;
}

/* ceil(range / step) as a step count. */
static int divide(const char *flag, double range, double step, long *n)
{
    double steps = ceil(range / step);
    if (!(steps <= MOST_STEPS)) return usage_error("%s is too small: it makes more than %.0g steps", flag, MOST_STEPS);
    *n = steps < 1.0 ? 1 : (long)steps;
    return STATUS_OK;
}

/* Divergence and dispersion: range, step and number of steps from those that were given. `lone_range` is the range
 * when only the number is known. */
static int resolve_spread(const char *step_flag, given_number range, given_number step, given_count steps, double lone_range,
                          double *r, double *d, long *n)
{
    *r = number_or(range, 0.0);
    *d = number_or(step, 0.0);
    *n = counted(steps) ? steps.value : 1;
    if (counted(steps)) {
        if (!range.given && !step.given) {
            *r = lone_range;
            *d = *r / (double)*n;
        } else if (!range.given) {
            *r = *d;
            *n = 2;
        } else if (!step.given) {
            if (*n < 2) *n = 2;
            *d = *r / (double)(*n - 1);
        }
    } else if (range.given && !step.given) {
        *d = *r;
        *n = 2;
    } else if (!range.given && step.given) {
        *r = *d;
        *n = 2;
    } else if (range.given && *r > 0.0 && *d > 0.0) {
        int status = divide(step_flag, *r, *d, n);
        if (status) return status;
    }
    if (*r <= 0.0 || *d <= 0.0) {
        *r = *d = 0.0;
        *n = 1;
    }
    return STATUS_OK;
}

static int resolve_rotation(const options *opt, experiment *x)
{
    x->phi0 = number_or(opt->phi, 0.0);
    x->osc = number_or(opt->osc, 0.0);
    x->phistep = number_or(opt->phistep, 0.0);
    x->phisteps = counted(opt->phisteps) ? opt->phisteps.value : 1;
    if (counted(opt->phisteps)) {
        if (!opt->osc.given && !opt->phistep.given) {
            x->osc = RADIANS_PER_DEGREE;
            x->phistep = x->osc / (double)x->phisteps;
        } else if (!opt->osc.given) {
            x->osc = x->phistep;
            x->phisteps = 2;
        } else if (!opt->phistep.given) {
            x->phistep = x->osc / (double)x->phisteps;
        }
    } else if (opt->osc.given && !opt->phistep.given) {
        x->phisteps = 2;
        x->phistep = x->osc / 2.0;
    } else if (!opt->osc.given && opt->phistep.given) {
        x->osc = x->phistep;
        x->phisteps = 2;
    } else if (opt->osc.given && x->osc != 0.0) {
        return divide("-phistep", x->osc, x->phistep, &x->phisteps);
    }
    return STATUS_OK;
}

static void resolve_layers(const options *opt, detector *det)
{
    det->thickness = number_or(opt->thickness, 0.0);
    det->layers = counted(opt->thicksteps) ? opt->thicksteps.value : 2;
    if (opt->absorption_depth.given && !(opt->absorption_depth.value > 0.0)) det->thickness = 0.0;
    if (det->thickness <= 0.0) {
        det->thickness = det->layer_step = det->attenuation = 0.0;
        det->layers = 1;
        return;
    }
    if (counted(opt->thicksteps)) {
        if (det->layers < 2) det->layers = 2;
        det->layer_step = det->thickness / (double)(det->layers - 1);
    } else {
        det->layer_step = det->thickness / 2.0;
    }
    det->attenuation = 1.0 / number_or(opt->absorption_depth, det->thickness);
}

/* Enough sub-pixels for three samples on each fringe of the lattice transform. */
static int resolve_oversample(const options *opt, experiment *x)
{
    double along_a = (double)x->xtal.Na * length(x->xtal.a), along_b = (double)x->xtal.Nb * length(x->xtal.b),
           along_c = (double)x->xtal.Nc * length(x->xtal.c);
    double largest = fmax(along_a, fmax(along_b, along_c));
    double recommended = ceil(3.0 * largest / (x->wavelength * x->det.distance / x->det.pixel));
    if (!(recommended >= 1.0)) recommended = 1.0;
    if (counted(opt->oversample)) {
        x->det.oversample = opt->oversample.value;
        if ((double)x->det.oversample < recommended) {
            warning("-oversample %ld leaves fringes between sub-pixels: %.0f or more would not", x->det.oversample,
                    recommended);
        }
        if (x->det.oversample > 100000) return usage_error("-oversample %ld is out of reach", x->det.oversample);
        return STATUS_OK;
    }
    if (recommended > 100000.0) {
        return usage_error("the crystal needs %.3g sub-pixels along each axis: give -oversample, or a smaller crystal",
                           recommended);
    }
    x->det.oversample = (long)recommended;
    return STATUS_OK;
}

static void resolve_interpolation(const options *opt, experiment *x)
{
    bool thin = false; /* nanoBragg decides by the counts that were typed, before -xtalsize */
    for (int i = 0; i < 3; ++i) thin = thin || !opt->cells[i].given || opt->cells[i].value <= 2;
    x->interpolate = x->sf.loaded && (opt->interpolate == UNSET ? thin : opt->interpolate == YES);
}

int resolve_sampling(const options *opt, experiment *x)
{
    int status = resolve_spread("-hdivstep", opt->hdivrange, opt->hdivstep, opt->hdivsteps, 1.0, &x->hdivrange,
                                &x->hdivstep, &x->hdivsteps);
    if (status) return status;
    status = resolve_spread("-vdivstep", opt->vdivrange, opt->vdivstep, opt->vdivsteps, 1.0, &x->vdivrange,
                            &x->vdivstep, &x->vdivsteps);
    if (status) return status;
    given_number no_step = {false, 0.0};
    status = resolve_spread("-dispersion", opt->dispersion, no_step, opt->dispsteps, 0.0, &x->dispersion, &x->dispstep,
                            &x->dispsteps);
    if (status) return status;
    status = resolve_rotation(opt, x);
    if (status) return status;
    if ((double)x->phisteps > MOST_STEPS) return usage_error("-phisteps %ld is out of reach", x->phisteps);

    x->mosaic_spread = number_or(opt->mosaic_spread, 0.0);
    if (x->mosaic_spread < 0.0) return usage_error("-mosaic must not be negative");
    x->domains = counted(opt->mosaic_domains) ? opt->mosaic_domains.value : 10;
    if (x->mosaic_spread == 0.0) x->domains = 1;

    resolve_layers(opt, &x->det);
    resolve_interpolation(opt, x);
    return resolve_oversample(opt, x);
}
