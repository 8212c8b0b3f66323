/* Reading of numbers and text files: strict, so that nothing is silently taken for 0. */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>

/* A decimal, finite number that fills the whole word. */
bool read_number(const char *word, double *value);

/* An integer that fills the whole word and fits a long. */
bool read_integer(const char *word, long *value);

/* Why `word` is no such number: a phrase for an error message. */
const char *number_fault(const char *word);

/* A whole file in memory, ended by a 0 byte that `size` does not count. */
typedef struct {
    char *bytes;
    size_t size;
} file_text;

/* Reads the file that `flag` names; on failure says so and returns the exit status. Free `bytes` afterwards. */
int read_file(const char *flag, const char *path, file_text *text);

/* A walk over the lines and words of a text file: skips a byte-order mark, takes Windows line ends. */
typedef struct {
    const char *next, *end;      /* what is still to be read */
    const char *word, *line_end; /* within the current line */
    long line;                   /* number of the current line, from 1 */
    bool show_comments;          /* treat lines that start with # as any other */
} line_reader;

line_reader read_lines(const file_text *text);

/* Goes to the next line that is neither blank nor a comment (`#`). False at the end. */
bool next_line(line_reader *lines);

/* Copies the next word of the line into `word` (of `size` > 4). False at the end of the line. A longer word is
 * cut, and ends with "...": it is no number. */
bool next_word(line_reader *lines, char *word, size_t size);

#endif
