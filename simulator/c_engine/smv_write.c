/* The SMV header that nanoBragg writes: where the beam is in the terms of each program that reads such files. */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "output.h"

/* The whole header with `declared` as its size, unpadded; its length. */
static int format_lines(const experiment *x, long declared, char *header, size_t room)
{
    const detector *det = &x->det;
    const double mm = 1000.0, p = det->pixel;
    return snprintf(header, room,
                    "{\nHEADER_BYTES=%ld;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"
                    "SIZE1=%ld;\nSIZE2=%ld;\nPIXEL_SIZE=%g;\nDISTANCE=%g;\nWAVELENGTH=%g;\n"
                    "BEAM_CENTER_X=%g;\nBEAM_CENTER_Y=%g;\nADXV_CENTER_X=%g;\nADXV_CENTER_Y=%g;\n"
                    "MOSFLM_CENTER_X=%g;\nMOSFLM_CENTER_Y=%g;\nDENZO_X_BEAM=%g;\nDENZO_Y_BEAM=%g;\n"
                    "DIALS_ORIGIN=%g,%g,%g\nXDS_ORGX=%g;\nXDS_ORGY=%g;\nCLOSE_DISTANCE=%g;\n"
                    "PHI=%g;\nOSC_START=%g;\nOSC_RANGE=%g;\nTWOTHETA=%g;\nDETECTOR_SN=000;\nBEAMLINE=fake;\n}\f",
                    declared, det->fpixels, det->spixels, p * mm, det->distance * mm, x->wavelength * 1e10,
                    det->xbeam * mm, det->ybeam * mm, det->fbeam * mm, (det->detsize_s - det->sbeam) * mm,
                    (det->sbeam - p / 2.0) * mm, (det->fbeam - p / 2.0) * mm, det->sbeam * mm, det->fbeam * mm,
                    mm * det->pix0.z, mm * det->pix0.y, -mm * det->pix0.x, det->fclose / p + 0.5,
                    det->sclose / p + 0.5, det->close_distance * mm, x->phi0 / RADIANS_PER_DEGREE,
                    x->phi0 / RADIANS_PER_DEGREE, x->osc / RADIANS_PER_DEGREE, det->twotheta / RADIANS_PER_DEGREE);
}

int format_smv_header(const experiment *x, char header[LONGEST_SMV_HEADER], size_t *size)
{
    *size = 512;
    int used = format_lines(x, 512, header, LONGEST_SMV_HEADER);
    if (used > 512) {
        *size = LONGEST_SMV_HEADER;
        used = format_lines(x, LONGEST_SMV_HEADER, header, LONGEST_SMV_HEADER);
    }
    if (used < 0 || used >= LONGEST_SMV_HEADER) return io_error("-intfile: the SMV header does not fit %d bytes", LONGEST_SMV_HEADER);
    memset(header + used, ' ', *size - (size_t)used);
    return STATUS_OK;
}
