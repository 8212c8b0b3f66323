/* Heat in a plate, by explicit finite differences:
 *
 *     du/dt = kappa (d2u/dx2 + d2u/dy2) + heater - cooling u
 *
 * on nx by ny cells of dx by dy, the edge kept at 0. The plate starts cold but for a warm block; a heater sits in one cell.
 *
 *     heat [-nx N] [-ny N] [-steps N] [-kappa K] [-dx D] [-dy D] [-heater Q] [-cooling C] [-trace X,Y] -out FILE.npy
 *
 * The temperatures go to FILE.npy, f64, row by row. -trace prints what happens in one cell, step by step.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plate {
    long nx, ny, steps;              /* cells along x and y; time steps */
    double kappa, dx, dy;            /* diffusivity; size of a cell */
    double heater, cooling;          /* power in the heated cell; loss per temperature */
    double dt;                       /* time step */
    long trace_x, trace_y;           /* the cell to print; -1: none */
    const char *out;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "heat: %s: %s\n", what, why);
    exit(2);
}

static double number(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        fail(option, "needs a number");
    return value;
}

static long count(const char *option, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 0 || value > 1000000)
        fail(option, "needs a whole number from 0 to 1000000");
    return value;
}

static struct plate read_options(int argc, char **argv)
{
    struct plate p = {60, 40, 100, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1, -1, NULL};
    for (int i = 1; i < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1];
        if (!value)
            fail(option, "needs a value");
        if (!strcmp(option, "-nx")) p.nx = count(option, value);
        else if (!strcmp(option, "-ny")) p.ny = count(option, value);
        else if (!strcmp(option, "-steps")) p.steps = count(option, value);
        else if (!strcmp(option, "-kappa")) p.kappa = number(option, value);
        else if (!strcmp(option, "-dx")) p.dx = number(option, value);
        else if (!strcmp(option, "-dy")) p.dy = number(option, value);
        else if (!strcmp(option, "-heater")) p.heater = number(option, value);
        else if (!strcmp(option, "-cooling")) p.cooling = number(option, value);
        else if (!strcmp(option, "-out")) p.out = value;
        else if (!strcmp(option, "-trace")) {
            if (sscanf(value, "%ld,%ld", &p.trace_x, &p.trace_y) != 2)
                fail(option, "needs X,Y");
        } else
            fail(option, "no such option");
    }
    if (p.nx < 3 || p.ny < 3)
        fail("-nx, -ny", "need at least 3 cells");
    if (p.kappa <= 0 || p.dx <= 0 || p.dy <= 0)
        fail("-kappa, -dx, -dy", "must be positive");
    if (!p.out)
        fail("-out", "is missing");
    /* four tenths of the largest stable step */
    p.dt = 0.2 / (p.kappa * (1 / (p.dx * p.dx) + 1 / (p.dy * p.dy)));
    return p;
}

static void start(const struct plate *p, double *u)
{
    for (long y = p->ny / 4; y < p->ny / 2; y++)
        for (long x = p->nx / 5; x < p->nx / 2; x++)
            u[y * p->nx + x] = 100;
}

/* One time step from u to next. */
static void step(const struct plate *p, const double *u, double *next)
{
    for (long y = 1; y < p->ny - 1; y++) {
        for (long x = 1; x < p->nx - 1; x++) {
            const double *at = u + y * p->nx + x;
            double curve_x = (at[-1] - 2 * at[0] + at[1]) / (p->dx * p->dx);
            double curve_y = (at[-p->nx] - 2 * at[0] + at[p->nx]) / (p->dy * p->dy);
            double heater = x == 3 * p->nx / 4 && y == 2 * p->ny / 3 ? p->heater : 0;
            double rate = p->kappa * (curve_x + curve_y) + heater - p->cooling * at[0];
            next[y * p->nx + x] = at[0] + p->dt * rate;
            if (x == p->trace_x && y == p->trace_y) {
                printf("trace curve_x %.17g\ntrace curve_y %.17g\ntrace heater %.17g\n", curve_x, curve_y, heater);
                printf("trace rate %.17g\ntrace temperature %.17g\n", rate, next[y * p->nx + x]);
            }
        }
    }
}

/* NPY, version 1.0: magic, length of the header, header padded to a multiple of 64 bytes, data. */
static void write_npy(const struct plate *p, const double *u)
{
    char header[128];
    int n = snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (%ld, %ld), }", p->ny, p->nx);
    memset(header + n, ' ', sizeof header - (size_t)n);
    header[117] = '\n'; /* 10 + 118 = 128 */
    FILE *file = fopen(p->out, "wb");
    if (!file)
        fail(p->out, "cannot be written");
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fwrite(header, 1, 118, file);
    size_t cells = (size_t)(p->nx * p->ny);
    if (fwrite(u, sizeof *u, cells, file) != cells || fclose(file))
        fail(p->out, "cannot be written");
}

int main(int argc, char **argv)
{
    struct plate p = read_options(argc, argv);
    size_t cells = (size_t)(p.nx * p.ny);
    double *u = calloc(cells, sizeof *u), *next = calloc(cells, sizeof *next);
    if (!u || !next)
        fail("memory", "too little for so many cells");
    if (p.trace_x >= 0)
        printf("trace dt %.17g\n", p.dt);
    start(&p, u);
    for (long n = 0; n < p.steps; n++) {
        step(&p, u, next);
        double *swap = u;
        u = next;
        next = swap;
    }
    write_npy(&p, u);
    printf("%ld x %ld cells, %ld steps of %g\n", p.nx, p.ny, p.steps, p.dt);
    free(u);
    free(next);
    return 0;
}
