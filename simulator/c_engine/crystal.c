/* The crystal: cell, orientation, size (simulator.md, Crystal). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "experiment.h"
#include "message.h"
#include "random.h"
#include "reader.h"

#define METRES_PER_ANGSTROM 1e-10

typedef struct {
    double a, b, c, alpha, beta, gamma; /* Angstrom, radians */
} unit_cell;

static int take_cell(const options *opt, unit_cell *cell)
{
    double edge = opt->cell[0].value;
    cell->a = edge;
    cell->b = number_or(opt->cell[1], edge);
    cell->c = number_or(opt->cell[2], edge);
    cell->alpha = number_or(opt->cell[3], 90.0) * RADIANS_PER_DEGREE;
    cell->beta = number_or(opt->cell[4], 90.0) * RADIANS_PER_DEGREE;
    cell->gamma = number_or(opt->cell[5], 90.0) * RADIANS_PER_DEGREE;
    if (!(cell->a > 0.0 && cell->b > 0.0 && cell->c > 0.0)) {
        return usage_error("-cell: the edges must be greater than 0 Angstrom");
    }
    double angle[3] = {cell->alpha, cell->beta, cell->gamma};
    for (int i = 0; i < 3; ++i) {
        if (!(angle[i] > 0.0 && angle[i] < PI)) return usage_error("-cell: the angles must lie between 0 and 180 degrees");
    }
    return STATUS_OK;
}

/* Square of half the volume of a cell with edges of 1 below which its angles are taken to lie in a plane: rounding leaves
 * a flat cell a little volume. */
#define FLAT 1e-12

/* Volume in cubic Angstrom; not positive for angles that close no cell. */
static double cell_volume(const unit_cell *cell)
{
    double s = (cell->alpha + cell->beta + cell->gamma) / 2.0;
    double product = sin(s) * sin(s - cell->alpha) * sin(s - cell->beta) * sin(s - cell->gamma);
    return product > FLAT ? 2.0 * cell->a * cell->b * cell->c * sqrt(product) : 0.0;
}

/* a* along x, b* in the xy plane. */
static void orient_by_default(const unit_cell *cell, double V, bool odd_last_term, crystal *xtal)
{
    double a_star = cell->b * cell->c * sin(cell->alpha) / V, b_star = cell->c * cell->a * sin(cell->beta) / V,
           c_star = cell->a * cell->b * sin(cell->gamma) / V;
    double ca = cos(cell->alpha), cb = cos(cell->beta), cg = cos(cell->gamma);
    double sa = sin(cell->alpha), sb = sin(cell->beta), sg = sin(cell->gamma);
    double cos_alpha_star = (cb * cg - ca) / (sb * sg), cos_beta_star = (cg * ca - cb) / (sg * sa),
           cos_gamma_star = (ca * cb - cg) / (sa * sb);
    double sin_gamma_star = cell->c / V / (a_star * b_star);

    xtal->a_star = vec(a_star, 0.0, 0.0);
    xtal->b_star = vec(b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0);
    xtal->c_star = vec(c_star * cos_beta_star, c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
                       c_star * V / (cell->a * cell->b * cell->c * (odd_last_term ? sin_gamma_star : sg)));
}

/* The first nine numbers of the file: rows are x, y, z, columns a*, b*, c*, all times the wavelength. */
static int read_matrix(const options *opt, double wavelength, crystal *xtal)
{
    file_text text;
    int status = read_file("-mat", opt->matrix, &text), found = 0;
    if (status) return status;
    line_reader lines = read_lines(&text);
    double m[9];
    char word[64];
    while (found < 9 && !status && next_line(&lines)) {
        while (found < 9 && !status && next_word(&lines, word, sizeof word)) {
            if (!read_number(word, &m[found++])) {
                status = usage_error("-mat %s, line %ld: \"%s\" %s", opt->matrix, lines.line, word, number_fault(word));
            }
        }
    }
    free(text.bytes);
    if (status) return status;
    if (found < 9) return usage_error("-mat %s: the file has %d numbers instead of 9", opt->matrix, found);
    double angstrom = wavelength / METRES_PER_ANGSTROM;
    xtal->a_star = vec(m[0] / angstrom, m[3] / angstrom, m[6] / angstrom);
    xtal->b_star = vec(m[1] / angstrom, m[4] / angstrom, m[7] / angstrom);
    xtal->c_star = vec(m[2] / angstrom, m[5] / angstrom, m[8] / angstrom);
    return STATUS_OK;
}

static void apply_misset(const options *opt, crystal *xtal)
{
    vec3 turns = scaled(opt->misset.value, RADIANS_PER_DEGREE);
    if (opt->misset_random) {
        random_stream stream;
        long seed = opt->misset_seed.given ? opt->misset_seed.value : (long)time(NULL);
        start_stream(&stream, -seed);
        mat3 R = random_rotation(&stream, 90.0);
        turns.x = atan2(R.row[2].y, R.row[2].z);
        turns.y = atan2(-R.row[2].x, hypot(R.row[2].y, R.row[2].z));
        turns.z = atan2(R.row[1].x, R.row[0].x);
        if (!opt->quiet) {
            printf("random misset (seed %ld): %g %g %g degrees\n", seed, turns.x / RADIANS_PER_DEGREE,
                   turns.y / RADIANS_PER_DEGREE, turns.z / RADIANS_PER_DEGREE);
        }
    } else if (!opt->misset.given) {
        return;
    }
    xtal->a_star = rotate_xyz(xtal->a_star, turns);
    xtal->b_star = rotate_xyz(xtal->b_star, turns);
    xtal->c_star = rotate_xyz(xtal->c_star, turns);
}

/* Direct axes from the reciprocal ones. With -cell its edges and volume hold, and only the directions are taken. */
static int complete_cell(const unit_cell *cell, double cell_V, crystal *xtal)
{
    vec3 bc = cross(xtal->b_star, xtal->c_star), ca = cross(xtal->c_star, xtal->a_star),
         ab = cross(xtal->a_star, xtal->b_star);
    double V_star = dot(xtal->a_star, bc);
    if (cell) {
        V_star = 1.0 / cell_V;
        bc = scaled(unit(bc), cell->a / cell_V);
        ca = scaled(unit(ca), cell->b / cell_V);
        ab = scaled(unit(ab), cell->c / cell_V);
    }
    double V = 1.0 / V_star;
    vec3 a = scaled(bc, V), b = scaled(ca, V), c = scaled(ab, V);
    if (!(fabs(V_star) > 0.0) || !isfinite(V) || !(length(a) > 0.0 && length(b) > 0.0 && length(c) > 0.0)) {
        return usage_error("the orientation matrix (-mat) spans no volume");
    }
    xtal->volume = V;
    xtal->a_star = scaled(cross(b, c), V_star);
    xtal->b_star = scaled(cross(c, a), V_star);
    xtal->c_star = scaled(cross(a, b), V_star);
    xtal->a = scaled(a, METRES_PER_ANGSTROM);
    xtal->b = scaled(b, METRES_PER_ANGSTROM);
    xtal->c = scaled(c, METRES_PER_ANGSTROM);
    return STATUS_OK;
}

static int size_crystal(const options *opt, crystal *xtal)
{
    static const char *const flags[3] = {"-N, -Na", "-N, -Nb", "-N, -Nc"};
    double beamsize = number_or(opt->beamsize, 0.1e-3);
    double edge[3] = {length(xtal->a), length(xtal->b), length(xtal->c)};
    long n[3];
    for (int i = 0; i < 3; ++i) {
        n[i] = opt->cells[i].given ? opt->cells[i].value : 1;
        if (n[i] < 1) return usage_error("%s: a crystal has at least 1 cell along each axis", flags[i]);
        double size = number_or(opt->crystal_size[i], 0.0);
        if (opt->crystal_size[i].given && !(size > 0.0)) {
            return usage_error("-samplesize, -sample_%c: the size must be greater than 0 mm", 'x' + i);
        }
        if (i > 0 && size > beamsize) {
            warning("the crystal is larger than the beam: -sample_%c is limited to the beam size", 'x' + i);
            size = beamsize;
        }
        if (opt->crystal_size[i].given) {
            double cells = ceil(size / edge[i]);
            if (cells > 1e15) return usage_error("-sample_%c is out of reach", 'x' + i);
            n[i] = cells < 1.0 ? 1 : (long)cells;
        }
    }
    xtal->Na = n[0];
    xtal->Nb = n[1];
    xtal->Nc = n[2];
    return STATUS_OK;
}

int resolve_crystal(const options *opt, experiment *x)
{
    crystal *xtal = &x->xtal;
    unit_cell cell = {0};
    double V = 0.0;
    int status = STATUS_OK;
    if (!opt->cell[0].given && !opt->matrix) return usage_error("no unit cell: give -cell or -mat");
    if (opt->cell[0].given) {
        status = take_cell(opt, &cell);
        if (status) return status;
        V = cell_volume(&cell);
        if (!(V > 0.0)) return usage_error("-cell: these angles cannot close a unit cell");
    }
    if (opt->matrix) status = read_matrix(opt, x->wavelength, xtal);
    else orient_by_default(&cell, V, opt->odd.triclinic_cell, xtal);
    if (status) return status;

    apply_misset(opt, xtal);
    status = complete_cell(opt->cell[0].given ? &cell : NULL, V, xtal);
    if (status) return status;
    xtal->shape = opt->shape;
    xtal->fudge = number_or(opt->fudge, 1.0);
    return size_crystal(opt, xtal);
}
