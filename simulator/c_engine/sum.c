/* The sum, in the order of nanoBragg's loops: sensor layer, sub-pixel, source, phi step, mosaic domain. */
#include "sum.h"

#include "cell_factor.h"
#include "lattice.h"
#include "scattering.h"

/* How the corrections for solid angle, polarization and sensor capture are applied. */
typedef struct {
    bool layer_capture, source_polarization; /* once for each term, though no -oversample_... asks for it */
    bool own_factors;                        /* -oversample_...: each term is multiplied by its own factor */
    bool compound;                           /* or the sum so far is, after each term (oddity compounded-oversample) */
} correction_plan;

/* The correction factors that hold now. */
typedef struct {
    double capture, polarization, omega;
    double term; /* product of those that multiply each term */
} corrections;

static correction_plan plan_corrections(const options *opt)
{
    correction_plan plan;
    bool asked = opt->oversample_thick || opt->oversample_polar || opt->oversample_omega;
    plan.layer_capture = !opt->oversample_thick && !opt->odd.last_layer_capture;
    plan.source_polarization = !opt->oversample_polar && !opt->odd.first_source_polarization;
    plan.compound = asked && opt->odd.compounded_oversample;
    plan.own_factors = asked && !opt->odd.compounded_oversample;
    return plan;
}

static double term_factor(const options *opt, correction_plan plan, const corrections *now, double weight)
{
    double factor = weight;
    if (plan.layer_capture || (plan.own_factors && opt->oversample_thick)) factor *= now->capture;
    if (plan.source_polarization || (plan.own_factors && opt->oversample_polar)) factor *= now->polarization;
    if (plan.own_factors && opt->oversample_omega) factor *= now->omega;
    return factor;
}

static double compounded(const options *opt, const corrections *now, double I)
{
    if (opt->oversample_thick) I *= now->capture;
    if (opt->oversample_polar) I *= now->polarization;
    if (opt->oversample_omega) I *= now->omega;
    return I;
}

static inline axes turn_domain(const mat3 *domain, axes cell)
{
    axes turned = {apply(domain, cell.a), apply(domain, cell.b), apply(domain, cell.c)};
    return turned;
}

/* Structure factor of the cell at h, and what that means for later samples. */
static inline double cell_factor(const experiment *x, vec3 h, vec3 h0, raster_state *raster)
{
    if (!raster->interpolate) return nearest_factor(&x->sf, h0);
    if (can_interpolate(&x->sf, h)) return interpolated_factor(&x->sf, h);
    if (x->opt->odd.interpolation_latch) raster->interpolate = false;
    return nearest_factor(&x->sf, h0);
}

/* I with the terms of all phi steps and mosaic domains added, for one scattering vector. */
static inline double add_orientations(const experiment *x, const axes *cell, vec3 q, const corrections *now, bool compound,
                                      raster_state *raster, double I, trace *tell)
{
    for (long p = 0; p < x->phisteps; ++p) {
        for (long m = 0; m < x->domains; ++m) {
            axes turned = x->mosaic_spread > 0.0 ? turn_domain(&x->domain[m], cell[p]) : cell[p];
            vec3 h = vec(dot(turned.a, q), dot(turned.b, q), dot(turned.c, q));
            vec3 h0 = vec(ceil(h.x - 0.5), ceil(h.y - 0.5), ceil(h.z - 0.5));
            double F_latt = lattice_transform(&x->xtal, h, h0), F_cell = 0.0, term = 0.0;
            bool counts = F_latt != 0.0 || x->water != 0.0;
            if (counts) {
                F_cell = cell_factor(x, h, h0, raster);
                double amplitude = F_cell * F_latt;
                term = amplitude * amplitude * now->term;
                I += term;
                if (compound) I = compounded(x->opt, now, I);
            }
            if (tell) {
                trace_item(tell, "phi_step", p);
                trace_integer(tell, "domain", m);
                trace_number(tell, "phi", x->phi0 + x->phistep * (double)p);
                trace_vector(tell, "a", turned.a);
                trace_vector(tell, "b", turned.b);
                trace_vector(tell, "c", turned.c);
                trace_vector(tell, "hkl", h);
                trace_vector(tell, "nearest", h0);
                trace_number(tell, "F_latt", F_latt);
                if (counts) {
                    trace_number(tell, "F_cell", F_cell);
                    trace_number(tell, "term", term);
                    trace_number(tell, "sum_so_far", I);
                }
                trace_close(tell);
            }
        }
    }
    return I;
}

static double sum_terms(const experiment *x, long fpixel, long spixel, raster_state *raster, double *omega, trace *tell)
{
    const detector *det = &x->det;
    const options *opt = x->opt;
    const correction_plan plan = plan_corrections(opt);
    const double background = water_background(x);

    corrections now = {0.0, 0.0, 0.0, 0.0};
    double I = opt->odd.background_scaling ? background : 0.0;
    double first_omega = 0.0, first_polarization = 0.0; /* without any evaluation the pixel stays 0 */
    bool evaluated = false;

    if (tell) trace_list(tell, "samples");
    for (long layer = 0; layer < det->layers; ++layer) {
        for (long sub_s = 0; sub_s < det->oversample; ++sub_s) {
            for (long sub_f = 0; sub_f < det->oversample; ++sub_f) {
                detector_point at = look_at(det, sub_pixel_centre(det, fpixel, sub_f), sub_pixel_centre(det, spixel, sub_s),
                                            (double)layer * det->layer_step);
                bool first_of_layer = sub_s == 0 && sub_f == 0;
                if (first_of_layer && layer == 0) first_omega = at.omega;
                if (first_of_layer || opt->oversample_thick) now.capture = capture_fraction(det, layer, at.direction);
                now.omega = at.omega;
                if (tell) {
                    trace_item(tell, "layer", layer);
                    trace_integer(tell, "sub_slow", sub_s);
                    trace_integer(tell, "sub_fast", sub_f);
                    trace_vector(tell, "position", at.position);
                    trace_number(tell, "R", at.R);
                    trace_number(tell, "solid_angle", at.omega);
                    trace_vector(tell, "d", at.direction);
                    trace_number(tell, "capture", now.capture);
                    trace_list(tell, "sources");
                }

                for (long i = 0; i < x->sources; ++i) {
                    const source *src = &x->source[i];
                    vec3 q = scattering_vector(src, at.direction);
                    bool skipped = beyond_resolution(x, q);
                    if (tell) {
                        trace_item(tell, "source", i);
                        trace_vector(tell, "s", src->incident);
                        trace_number(tell, "lambda", src->wavelength);
                        trace_vector(tell, "q", q);
                        trace_flag(tell, "skipped", skipped);
                    }
                    if (!skipped) {
                        if (!evaluated || opt->oversample_polar || plan.source_polarization) {
                            now.polarization = opt->nopolar ? 1.0 : polarization_factor(x->polarization, src->incident,
                                                                                        at.direction, det->polar);
                        }
                        if (!evaluated) first_polarization = now.polarization;
                        evaluated = true;
                        now.term = term_factor(opt, plan, &now, src->weight);
                        if (tell) {
                            trace_number(tell, "polarization", now.polarization);
                            trace_list(tell, "terms");
                        }
                        const axes *cell = raster->first_evaluation ? x->phi_first : x->phi_axes;
                        raster->first_evaluation = false;
                        I = add_orientations(x, cell, q, &now, plan.compound, raster, I, tell);
                        if (tell) trace_list_close(tell);
                    }
                    if (tell) trace_close(tell);
                }
                if (tell) {
                    trace_list_close(tell);
                    trace_close(tell);
                }
            }
        }
    }

    double sub_pixels = (double)det->oversample * (double)det->oversample;
    double steps = (double)x->sources * (double)x->domains * (double)x->phisteps * sub_pixels;
    double scale = CLASSICAL_RADIUS_SQUARED * x->fluence / steps;
    if (!opt->oversample_thick && !plan.layer_capture) scale *= now.capture;
    if (!opt->oversample_polar && !plan.source_polarization) scale *= first_polarization;
    if (!opt->oversample_omega) scale *= first_omega;
    double photons = I * scale;
    if (!opt->odd.background_scaling) photons += background * first_omega * first_polarization;
    *omega = first_omega;
    if (tell) {
        trace_list_close(tell);
        trace_number(tell, "background", background);
        trace_number(tell, "sum", I);
        trace_number(tell, "scale", scale);
        trace_number(tell, "pixel", photons);
    }
    return photons;
}

double sum_pixel(const experiment *x, long fpixel, long spixel, raster_state *raster, double *omega)
{
    return sum_terms(x, fpixel, spixel, raster, omega, NULL);
}

double sum_pixel_aloud(const experiment *x, long fpixel, long spixel, raster_state *raster, trace *tell)
{
    double omega;
    return sum_terms(x, fpixel, spixel, raster, &omega, tell);
}
