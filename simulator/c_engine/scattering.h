/* A point of the detector as the crystal sees it, and what happens to photons on the way there. */
#ifndef SCATTERING_H
#define SCATTERING_H

#include "experiment.h"

#define CLASSICAL_RADIUS_SQUARED 7.94079248018965e-30 /* r_e^2, square metres */
#define AVOGADRO 6.02214179e23

typedef struct {
    vec3 position, direction; /* from the sample; the direction is a unit vector */
    double R, omega;          /* distance, and solid angle of the pixel from here */
} detector_point;

/* Centre of a sub-pixel along one axis of the detector, in metres from its edge. */
static inline double sub_pixel_centre(const detector *det, long pixel, long sub_pixel)
{
    return ((double)(pixel * det->oversample + sub_pixel) + 0.5) * det->pixel / (double)det->oversample;
}

static inline detector_point look_at(const detector *det, double F, double S, double depth)
{
    detector_point at;
    at.position = add(add(scaled(det->fast, F), scaled(det->slow, S)), add(scaled(det->normal, depth), det->pix0));
    if (det->curved) {
        vec3 flat = at.position;
        at.position = rotate_axis(scaled(det->beam, det->distance), det->slow, flat.y / det->distance);
        at.position = rotate_axis(at.position, det->fast, flat.z / det->distance);
    }
    at.R = length(at.position);
    at.direction = vec(at.position.x / at.R, at.position.y / at.R, at.position.z / at.R);
    at.omega = 1.0 / (at.R * at.R);
    if (!det->point_pixel) at.omega *= det->pixel * det->pixel * det->close_distance / at.R;
    return at;
}

/* Fraction of the photons that one layer of the sensor stops. */
static inline double capture_fraction(const detector *det, long layer, vec3 d)
{
    if (det->thickness == 0.0) return 1.0;
    double path = det->attenuation * det->layer_step / dot(d, det->normal);
    return exp(-(double)layer * path) - exp(-(double)(layer + 1) * path);
}

/* Kahn's polarization factor; `polar` is the direction of the E-vector. */
static inline double polarization_factor(double kahn, vec3 incident, vec3 d, vec3 polar)
{
    double cos_2theta = dot(incident, d), cos2 = cos_2theta * cos_2theta;
    if (kahn == 0.0) return 0.5 * (1.0 + cos2);
    vec3 B = unit(cross(polar, incident)), E = unit(cross(incident, B));
    double psi = -atan2(dot(d, B), dot(d, E));
    return 0.5 * (1.0 + cos2 - kahn * cos(2.0 * psi) * (1.0 - cos2));
}

/* q = (d - s) / lambda, in 1/m. */
static inline vec3 scattering_vector(const source *s, vec3 d)
{
    vec3 change = sub(d, s->incident);
    return vec(change.x / s->wavelength, change.y / s->wavelength, change.z / s->wavelength);
}

/* Whether -dmin leaves out what is scattered by q. */
static inline bool beyond_resolution(const experiment *x, vec3 q)
{
    return x->dmin > 0.0 && x->dmin > 1.0 / length(q);
}

/* Photons per steradian that a drop of water scatters. */
static inline double water_background(const experiment *x)
{
    double cubic_metres = x->water * x->water * x->water;
    return 2.57 * 2.57 * CLASSICAL_RADIUS_SQUARED * x->fluence * cubic_metres * 1e6 * AVOGADRO / 18.0;
}

#endif
