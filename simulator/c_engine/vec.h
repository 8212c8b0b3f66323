/* Three-component vectors and rotations (right-handed), used by every part of the engine. */
#ifndef VEC_H
#define VEC_H

#include <math.h>

#define PI 3.14159265358979323846
#define RADIANS_PER_DEGREE (PI / 180.0)

typedef struct {
    double x, y, z;
} vec3;

/* Rows of a rotation matrix. */
typedef struct {
    vec3 row[3];
} mat3;

static inline vec3 vec(double x, double y, double z)
{
    vec3 v = {x, y, z};
    return v;
}

static inline vec3 add(vec3 a, vec3 b)
{
    return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline vec3 sub(vec3 a, vec3 b)
{
    return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline vec3 scaled(vec3 v, double factor)
{
    return vec(v.x * factor, v.y * factor, v.z * factor);
}

static inline double dot(vec3 a, vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline vec3 cross(vec3 a, vec3 b)
{
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline double length(vec3 v)
{
    return sqrt(dot(v, v));
}

/* A vector without a direction stays 0 instead of turning into NaN. */
static inline vec3 unit(vec3 v)
{
    double l = length(v);
    return l > 0.0 ? vec(v.x / l, v.y / l, v.z / l) : vec(0.0, 0.0, 0.0);
}

static inline vec3 apply(const mat3 *m, vec3 v)
{
    return vec(dot(m->row[0], v), dot(m->row[1], v), dot(m->row[2], v));
}

/* Turns v about X, then Y, then Z, by angles in radians. */
static inline vec3 rotate_xyz(vec3 v, vec3 angles)
{
    double c = cos(angles.x), s = sin(angles.x);
    v = vec(v.x, c * v.y - s * v.z, s * v.y + c * v.z);
    c = cos(angles.y);
    s = sin(angles.y);
    v = vec(c * v.x + s * v.z, v.y, c * v.z - s * v.x);
    c = cos(angles.z);
    s = sin(angles.z);
    return vec(c * v.x - s * v.y, s * v.x + c * v.y, v.z);
}

/* Rodrigues: turns v about the unit vector `axis` by `angle` radians. */
static inline vec3 rotate_axis(vec3 v, vec3 axis, double angle)
{
    double c = cos(angle), s = sin(angle);
    vec3 along = scaled(axis, dot(axis, v) * (1.0 - c));
    return add(add(scaled(v, c), scaled(cross(axis, v), s)), along);
}

#endif
