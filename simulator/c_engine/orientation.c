/* How the crystal turns during the exposure: mosaic domains and phi steps. */
#include <stdlib.h>

#include "experiment.h"
#include "message.h"
#include "random.h"

int resolve_mosaic(const options *opt, experiment *x)
{
    double bytes = (double)x->domains * sizeof(mat3);
    x->domain = memory_allows(bytes) ? malloc((size_t)bytes) : NULL;
    if (!x->domain) return too_large(bytes, "the list of mosaic domains", "use fewer -mosaic_domains");
    random_stream stream;
    start_stream(&stream, -(opt->mosaic_seed.given ? opt->mosaic_seed.value : 12345678));
    for (long i = 0; i < x->domains; ++i) x->domain[i] = random_rotation(&stream, x->mosaic_spread);
    const mat3 identity = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    x->domain[0] = identity;
    return STATUS_OK;
}

/* The cell at each phi step, when `left_over` stands from the step before the first. */
static axes turn_through(const options *opt, const experiment *x, axes left_over, axes *table)
{
    const axes start = {x->xtal.a, x->xtal.b, x->xtal.c};
    axes now = left_over;
    for (long i = 0; i < x->phisteps; ++i) {
        double phi = x->phi0 + x->phistep * (double)i;
        if (phi != 0.0) {
            now.a = rotate_axis(start.a, x->det.spindle, phi);
            now.b = rotate_axis(start.b, x->det.spindle, phi);
            now.c = rotate_axis(start.c, x->det.spindle, phi);
        } else if (!opt->odd.phi_carry_over) {
            now = start;
        }
        table[i] = now;
    }
    return now;
}

/* nanoBragg turns the cell only where phi is not 0. A step at phi = 0 therefore sees what the step before it left:
 * in the very first evaluation of an image perhaps the cell at rest, everywhere else the cell of the last step.
 * Every evaluation ends with the same cell, so two tables hold all that raster order can bring about. */
int resolve_spindle(const options *opt, experiment *x)
{
    double bytes = 2.0 * (double)x->phisteps * sizeof(axes);
    x->phi_first = memory_allows(bytes) ? malloc((size_t)bytes) : NULL;
    if (!x->phi_first) return too_large(bytes, "the list of phi steps", "use fewer -phisteps or a larger -phistep");
    x->phi_axes = x->phi_first + x->phisteps;
    const axes rest = {x->xtal.a, x->xtal.b, x->xtal.c};
    axes left_over = turn_through(opt, x, rest, x->phi_first);
    turn_through(opt, x, left_over, x->phi_axes);
    x->phi_first_differs = opt->odd.phi_carry_over && x->phi0 == 0.0 && x->phisteps > 1;
    return STATUS_OK;
}
