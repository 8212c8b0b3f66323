/* How each word of the command line is read. */
#ifndef OPTION_TABLE_H
#define OPTION_TABLE_H

#include <stddef.h>

/* What follows the word on the command line, and what is stored. */
enum option_kind {
    NUMBER,          /* one number, times `unit`, into each target */
    COUNT,           /* one integer into each target */
    TEXT,            /* one word */
    DIRECTION,       /* three numbers, times `unit` */
    SWITCH,          /* nothing: stores `value` */
    COUNTS,          /* as many integers as `value` says, into an array */
    CELL,            /* one to six numbers */
    ENERGY,          /* eV, stored as a wavelength */
    MISSET,          /* three numbers, or "random" */
    ABSORPTION,      /* a number, or "inf" */
    PIVOT,           /* "sample" or "beam" */
    PIXEL_PAIR,      /* F,S */
    TRACE_FORMAT,    /* "text" or "json" */
    ODDITIES,        /* a set of names */
    PRECISION,       /* "f64": the only one here */
    ENGINE,          /* "c": the only one here */
    HELP,
    VERSION,
    ELSEWHERE        /* known to the Rust command alone: an error that says so */
};

enum { TARGETS = 3 };

typedef struct {
    const char *name;
    enum option_kind kind;
    size_t target[TARGETS]; /* offsets into `options`; NOWHERE where unused */
    double unit;
    int value;
    int pivot; /* what -pivot this option implies (enum pivot) */
    const char *help;
} option_rule;

#define NOWHERE ((size_t)-1)

extern const option_rule option_table[];
extern const size_t option_table_size;

#endif
