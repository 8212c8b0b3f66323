/* The command line as the user gave it, in SI units. Nothing is derived here: what was left out stays "not given". */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "vec.h"

typedef struct {
    bool given;
    double value;
} given_number;

typedef struct {
    bool given;
    long value;
} given_count;

typedef struct {
    bool given;
    vec3 value;
} given_vector;

enum convention { MOSFLM, DENZO, ADXV, XDS, DIALS, CUSTOM };
enum pivot { PIVOT_UNSET, PIVOT_BEAM, PIVOT_SAMPLE };
enum shape { SQUARE, ROUND, GAUSS, TOPHAT };
enum choice { UNSET, NO, YES };

/* Behaviour of nanoBragg that physics would not have; true reproduces nanoBragg (simulator.md, Oddities). */
typedef struct {
    bool implicit_dump, hkl_stops_at_text;
    bool convention_forces_pivot, normal_regenerated, close_is_a_default, ratio_before_twotheta, triclinic_cell,
        pix0_ignored, interpolation_latch, source_weights_ignored, first_source_polarization, last_layer_capture,
        compounded_oversample, background_scaling, phi_carry_over;
} oddities;

typedef struct {
    /* input files */
    const char *hkl, *dump, *matrix, *image_header, *mask, *sourcefile;

    /* crystal */
    given_number default_F;
    given_number cell[6]; /* three edges in Angstrom, three angles in degrees */
    given_vector misset; /* degrees */
    bool misset_random;
    given_count misset_seed;
    given_count cells[3];       /* Na Nb Nc */
    given_number crystal_size[3]; /* metres */
    int shape;
    given_number fudge;

    /* beam */
    given_number wavelength; /* metres */
    given_number fluence, flux, exposure, beamsize;
    given_number dispersion;
    given_count dispsteps;
    given_number hdivrange, vdivrange, hdivstep, vdivstep; /* radians */
    given_count hdivsteps, vdivsteps;
    int round_divergence;
    given_number polarization;
    int nopolar;

    /* mosaic spread and spindle */
    given_number mosaic_spread; /* radians */
    given_count mosaic_domains, mosaic_seed;
    given_number phi, osc, phistep; /* radians */
    given_count phisteps;
    given_number dmin;

    /* detector, metres and radians */
    given_number distance, close_distance;
    given_number detsize_f, detsize_s, pixel;
    given_count detpixels_f, detpixels_s;
    given_number xbeam, ybeam, xclose, yclose;
    given_number orgx, orgy; /* pixels */
    given_number rotx, roty, rotz, twotheta;
    int pivot, convention;
    given_vector fast, slow, normal, beam, polar, spindle, twotheta_axis, pix0;
    int curved, point_pixel;
    given_number absorption_depth; /* 0 stands for "inf": a sensor without thickness */
    given_number thickness;
    given_count thicksteps;
    given_count oversample;
    int oversample_thick, oversample_polar, oversample_omega;
    given_count roi[4]; /* xmin xmax ymin ymax */

    int interpolate; /* enum choice */
    given_number water;    /* metres */

    /* output */
    const char *floatfile, *intfile, *pgmfile, *noisefile;
    int nonoise, nopgm;
    given_number scale, pgmscale, adc;
    given_count seed;
    int printout;
    given_count printout_pixel[2];
    int progress; /* enum choice */

    /* of this program */
    given_count threads;
    given_count trace_pixel[2];
    int trace_json;
    int quiet;
    oddities odd;
} options;

/* Reads the command line, with the headers of -mask and -img before it. 0, or an exit status after the message. */
int read_options(int argc, char **argv, options *opt);

/* Puts what an SMV header says where the options of the same meaning put it. */
int take_header(const char *flag, const char *path, bool is_mask, options *opt);

/* oddities.c: reads a set such as "nanobragg", "none", "+implicit-dump"; false, with a message, if unknown. */
oddities nanobragg_oddities(void);
int read_oddities(const char *set, oddities *odd);

#endif
