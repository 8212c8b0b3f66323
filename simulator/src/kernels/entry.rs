//! Every kernel compiled for every level, and the choice among them.
//!
//! What is inlined into a function with `target_feature` is compiled with these features; nothing else in the program
//! is. That is why the functions here are thin, and why everything that they call is `inline(always)`.
//!
//! The unit tests of this library have plain lanes alone, since each further level takes as long to compile as all the rest:
//! what is the same in every level is tested there, and every level in `tests/fast`. The build with the planted delay has no
//! kernels: what it measures is the scalar engine.

use super::Here;
use super::aligned::align_frame;
use super::block::{self, Rows};
use super::combos::{ANCHORS, Combos};
use super::factor::{Constant, Factor, Nearest, Tricubic};
use super::lanes::Lanes;
use super::lattice::{Form, Gauss, Polynomial, Round, Shape, Sines, Tophat};
use super::slim;
use super::smooth::{self, Begun, Job, Strip};
use super::sum::{self, Block, Running, Terms};
use super::tiles::Direct;

/// How structure factors are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactorKind {
    /// The same for all reflections.
    Constant,
    /// That of the nearest reflection.
    Nearest,
    /// Interpolated.
    Tricubic,
}

/// [`sum::plain`] of one shape, kind and level.
pub(crate) type Sum<R, const K: usize, const A: usize> =
    unsafe fn(&Terms<R>, Combos<R, K, A>, &mut Block<R, K>, &mut [R]);
/// [`sum::running`] of one shape, kind and level.
pub(crate) type RunningSum<const K: usize> =
    unsafe fn(&Terms<f64>, Combos<f64, K, 1>, &mut Block<f64, K>, &mut Running);
/// [`block::render`] of one level.
pub(crate) type Render<const K: usize> = unsafe fn(&mut Rows<K>);

/// [`slim::nodes`] of one level.
pub(crate) type Nodes<const K: usize> = unsafe fn(&mut Rows<K>, f64, &[f64]);
/// [`smooth::begin`] of one level.
pub(crate) type BeginTile<const K: usize> = unsafe fn(&mut Job<K>) -> Result<Begun, Direct>;
/// [`smooth::strip`] of one level.
pub(crate) type RenderStrip<const K: usize> = unsafe fn(&mut Strip<K>);

/// A [`FactorKind`] as a type.
trait Kind {
    type Of<V: Lanes, const G: usize>: Factor<V, G>;
    /// Whether vectors of f32 are better taken by twos: indices and places fill the registers of larger groups.
    const BY_TWOS_IN_F32: bool = false;
}

struct ConstantKind;
struct NearestKind;
struct TricubicKind;

impl Kind for ConstantKind {
    type Of<V: Lanes, const G: usize> = Constant;
}

impl Kind for NearestKind {
    type Of<V: Lanes, const G: usize> = Nearest<V, G>;
    const BY_TWOS_IN_F32: bool = true;
}

impl Kind for TricubicKind {
    type Of<V: Lanes, const G: usize> = Tricubic<V, G>;
}

/// `$function` for a form and a kind.
macro_rules! choose {
    ($function:ident, $form:expr, $kind:expr) => {
        match $form {
            Form::Odd => choose!($function, $kind => Polynomial<false>),
            Form::Even => choose!($function, $kind => Polynomial<true>),
            Form::Sines => choose!($function, $kind => Sines),
            Form::Round => choose!($function, $kind => Round),
            Form::Gauss => choose!($function, $kind => Gauss),
            Form::Tophat => choose!($function, $kind => Tophat),
        }
    };
    ($function:ident, $kind:expr => $shape:ty) => {
        match $kind {
            FactorKind::Constant => $function::<$shape, ConstantKind, K>,
            FactorKind::Nearest => $function::<$shape, NearestKind, K>,
            FactorKind::Tricubic => $function::<$shape, TricubicKind, K>,
        }
    };
}

/// The functions of one level.
macro_rules! level {
    ($module:ident, $isa:path, $group64:literal, $group32:literal, [$rows:literal, $columns:literal, $wide:literal], $(#[$feature:meta])*) => {
        mod $module {
            use super::*;
            use crate::kernels::lanes::Isa;

            type F64 = <$isa as Isa>::F64;
            type F32 = <$isa as Isa>::F32;
            const _: () = assert!(F64::GROUP == $group64 && F32::GROUP == $group32);

            $(#[$feature])*
            fn plain64<S: Shape, F: Kind, const K: usize>(
                terms: &Terms<f64>,
                combos: Combos<f64, K, 1>,
                block: &mut Block<f64, K>,
                out: &mut [f64],
            ) {
                align_frame();
                sum::plain::<F64, S, F::Of<F64, $group64>, F::Of<F64, 1>, $group64, K, 1>(
                    terms, combos, block, out,
                );
            }

            $(#[$feature])*
            fn plain32<S: Shape, F: Kind, const K: usize>(
                terms: &Terms<f32>,
                combos: Combos<f32, K, ANCHORS>,
                block: &mut Block<f32, K>,
                out: &mut [f32],
            ) {
                align_frame();
                if F::BY_TWOS_IN_F32 {
                    sum::plain::<F32, S, F::Of<F32, 2>, F::Of<F32, 1>, 2, K, ANCHORS>(terms, combos, block, out);
                } else {
                    sum::plain::<F32, S, F::Of<F32, $group32>, F::Of<F32, 1>, $group32, K, ANCHORS>(
                        terms, combos, block, out,
                    );
                }
            }

            $(#[$feature])*
            fn running64<S: Shape, F: Kind, const K: usize>(
                terms: &Terms<f64>,
                combos: Combos<f64, K, 1>,
                block: &mut Block<f64, K>,
                running: &mut Running,
            ) {
                align_frame();
                sum::running::<F64, S, F::Of<F64, 1>, K>(terms, combos, block, running);
            }

            $(#[$feature])*
            fn block<const K: usize>(rows: &mut Rows<K>) {
                align_frame();
                block::render::<$isa, K>(rows);
            }

            $(#[$feature])*
            fn nodes_of<const K: usize>(rows: &mut Rows<K>, s: f64, f: &[f64]) {
                align_frame();
                slim::nodes::<$isa, K>(rows, s, f);
            }

            $(#[$feature])*
            fn begin_of<const K: usize>(job: &mut Job<K>) -> Result<Begun, Direct> {
                align_frame();
                smooth::begin::<$isa, K, $rows, $columns>(job)
            }

            $(#[$feature])*
            fn strip_of<const K: usize>(strip: &mut Strip<K>) {
                align_frame();
                smooth::strip::<$isa, K, $rows, $wide>(strip);
            }

            pub(super) fn nodes<const K: usize>() -> Nodes<K> {
                nodes_of::<K>
            }

            pub(super) fn begin<const K: usize>() -> BeginTile<K> {
                begin_of::<K>
            }

            pub(super) fn strip<const K: usize>() -> RenderStrip<K> {
                strip_of::<K>
            }

            pub(super) fn choose64<const K: usize>(form: Form, kind: FactorKind) -> Sum<f64, K, 1> {
                choose!(plain64, form, kind)
            }

            pub(super) fn choose32<const K: usize>(form: Form, kind: FactorKind) -> Sum<f32, K, ANCHORS> {
                choose!(plain32, form, kind)
            }

            pub(super) fn choose_running<const K: usize>(form: Form, kind: FactorKind) -> RunningSum<K> {
                choose!(running64, form, kind)
            }

            pub(super) fn render<const K: usize>() -> Render<K> {
                block::<K>
            }
        }
    };
}

#[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
level!(avx512, crate::kernels::lanes::x86::Avx512, 4, 4, [4, 1, 4], #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]);
#[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
level!(avx2, crate::kernels::lanes::x86::Avx2, 2, 2, [4, 2, 2], #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "aarch64")]
level!(neon, crate::kernels::lanes::neon::Neon, 4, 4, [4, 2, 2], #[target_feature(enable = "neon")]);
#[cfg(not(feature = "planted-delay"))]
level!(plain, crate::kernels::lanes::plain::Plain, 1, 1, [2, 1, 1],);
#[cfg(feature = "planted-delay")]
use super::no_kernels as plain;

/// `$module::$function(…)` of a level.
macro_rules! of_level {
    ($level:expr, $function:ident::<$k:ident>($($argument:expr),*)) => {
        match $level {
            #[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
            super::Level::Avx512 => avx512::$function::<$k>($($argument),*),
            #[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
            super::Level::Avx2 => avx2::$function::<$k>($($argument),*),
            #[cfg(target_arch = "aarch64")]
            super::Level::Neon => neon::$function::<$k>($($argument),*),
            #[expect(clippy::allow_attributes, reason = "whether the arm is reached depends on the machine")]
            #[allow(unreachable_patterns, reason = "the levels of other machines")]
            _ => plain::$function::<$k>($($argument),*),
        }
    };
}

/// The functions of a level that a kind of experiment needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernels<const K: usize> {
    pub(crate) sum64: Sum<f64, K, 1>,
    pub(crate) sum32: Sum<f32, K, ANCHORS>,
    pub(crate) running: RunningSum<K>,
    pub(crate) render: Render<K>,
    pub(crate) nodes: Nodes<K>,
    pub(crate) begin: BeginTile<K>,
    pub(crate) strip: RenderStrip<K>,
}

impl<const K: usize> Kernels<K> {
    /// Those of a level. They may be called: this machine has it.
    pub(crate) fn new(level: Here, form: Form, kind: FactorKind) -> Kernels<K> {
        let level = level.level();
        Kernels {
            sum64: of_level!(level, choose64::<K>(form, kind)),
            sum32: of_level!(level, choose32::<K>(form, kind)),
            running: of_level!(level, choose_running::<K>(form, kind)),
            render: of_level!(level, render::<K>()),
            nodes: of_level!(level, nodes::<K>()),
            begin: of_level!(level, begin::<K>()),
            strip: of_level!(level, strip::<K>()),
        }
    }
}
