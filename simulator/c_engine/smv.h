/* SMV files: a text header of KEY=value; lines, then 16-bit pixels. */
#ifndef SMV_H
#define SMV_H

#include <stdbool.h>
#include <stddef.h>

#include "reader.h"

typedef struct {
    file_text text;
    size_t header_bytes;
    long width, height;
} smv_file;

/* Reads the file that `flag` names. Free text.bytes afterwards. */
int read_smv(const char *flag, const char *path, smv_file *smv);

/* The number that the header's last line of this key holds. */
bool smv_number(const smv_file *smv, const char *key, double *value);

#endif
