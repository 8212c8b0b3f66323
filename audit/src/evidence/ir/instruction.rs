//! One instruction of LLVM IR, as far as it says something about vectors.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Floating-point arithmetic, comparison or conversion.
    Float,
    /// Integer arithmetic.
    Int,
    /// Reads memory.
    Load,
    /// Writes memory.
    Store,
    /// Calls a function that is not one of LLVM's own, or one of those that become a library call: for vectors one call a
    /// lane, since neither rustc nor clang are given a vector library here.
    Call,
    /// Moves values between lanes, or is of no weight.
    Other,
}

/// The type of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    /// Values at once: 1 for scalars.
    pub(super) lanes: u32,
    /// Bits of one.
    pub(super) bits: u32,
    /// Of a floating-point type.
    pub(super) float: bool,
}

/// What is kept of an instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction<'t> {
    pub(super) class: Class,
    pub(super) width: Width,
    /// The callee, of a call.
    pub(super) callee: Option<&'t str>,
    /// Hash of the name of its result.
    pub(super) result: Option<u64>,
    /// A `phi`, which joins values from several blocks.
    pub(super) phi: bool,
    /// Additions, multiplications, divisions and roots per lane; 2 for a fused multiply-add.
    pub(super) flops: u32,
    /// May its operations be put in another order (`reassoc`, `fast`)?
    pub(super) reorders: bool,
}

const SCALAR: Width = Width { lanes: 1, bits: 0, float: false };

/// LLVM's own functions that are floating-point arithmetic.
const FLOAT: [&str; 26] = [
    "fma.",
    "fmuladd.",
    "sqrt.",
    "fabs.",
    "floor.",
    "ceil.",
    "trunc.",
    "rint.",
    "nearbyint.",
    "round.",
    "roundeven.",
    "copysign.",
    "minnum.",
    "maxnum.",
    "minimum.",
    "maximum.",
    "minimumnum.",
    "maximumnum.",
    "fptosi.sat",
    "fptoui.sat",
    "canonicalize.",
    "ldexp.",
    "is.fpclass",
    "lrint.",
    "lround.",
    "fptrunc.",
];
/// Those that are floating-point arithmetic and, for scalars, a call of the mathematical library.
const LIBRARY: [&str; 22] = [
    "sin.",
    "cos.",
    "tan.",
    "asin.",
    "acos.",
    "atan.",
    "atan2.",
    "sinh.",
    "cosh.",
    "tanh.",
    "sincos.",
    "sincospi.",
    "exp.",
    "exp2.",
    "exp10.",
    "log.",
    "log2.",
    "log10.",
    "pow.",
    "powi.",
    "modf.",
    "frexp.",
];
/// Integer arithmetic.
const INT: [&str; 16] = [
    "smin.",
    "smax.",
    "umin.",
    "umax.",
    "abs.",
    "ctpop.",
    "ctlz.",
    "cttz.",
    "bswap.",
    "bitreverse.",
    "fshl.",
    "fshr.",
    "uadd.",
    "sadd.",
    "usub.",
    "ssub.",
];

/// Reads one line of a function's body; `None` when it is no instruction.
pub(super) fn read(line: &str) -> Option<Instruction<'_>> {
    let text = line.trim_start();
    if text.is_empty() || text.starts_with(['#', ';', ']']) {
        return None;
    }
    let (result, text) = match text.strip_prefix('%') {
        Some(_) => {
            let name = local(text)?;
            (Some(hash(name)), text[name.len()..].trim_start().strip_prefix("= ")?)
        }
        None => (None, text),
    };
    let (mut opcode, mut rest) = word(text);
    while matches!(opcode, "tail" | "musttail" | "notail") {
        (opcode, rest) = word(rest);
    }
    let (class, width, callee) = match opcode {
        "fadd" | "fsub" | "fmul" | "fdiv" | "frem" | "fneg" | "fcmp" | "sitofp" | "uitofp" | "fptosi"
        | "fptoui" | "fpext" | "fptrunc" => (Class::Float, first_type(rest), None),
        "add" | "sub" | "mul" | "udiv" | "sdiv" | "urem" | "srem" | "shl" | "lshr" | "ashr" | "and"
        | "or" | "xor" | "icmp" => (Class::Int, first_type(rest), None),
        "load" => (Class::Load, first_type(rest), None),
        "store" => (Class::Store, first_type(rest), None),
        "phi" => (Class::Other, first_type(rest), None),
        "call" | "invoke" | "callbr" => called(rest),
        _ => (Class::Other, SCALAR, None),
    };
    let flops = match opcode {
        "fadd" | "fsub" | "fmul" | "fdiv" | "frem" => 1,
        "call" | "invoke" if rest.contains("@llvm.fma.") || rest.contains("@llvm.fmuladd.") => 2,
        "call" | "invoke" if class == Class::Float && rest.contains("sqrt") => 1,
        _ => 0,
    };
    let reorders = rest.starts_with("fast ") || rest.contains("reassoc ");
    Some(Instruction { class, width, callee, result, phi: opcode == "phi", flops, reorders })
}

/// Hashes of the local names in an instruction's operands.
pub(super) fn operands(line: &str) -> impl Iterator<Item = u64> {
    let right = line.split_once(" = ").map_or(line, |(_, right)| right);
    right.match_indices('%').filter_map(|(at, _)| local(&right[at..])).map(hash)
}

/// Names of blocks that a line leads to: everything after `label %`.
pub(super) fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("label %").filter_map(|(at, _)| local(&line[at + 6..]).map(|name| &name[1..]))
}

/// The number after `, !name !` at the end of an instruction.
pub(super) fn attached(line: &str, name: &str) -> Option<u32> {
    let (_, after) = line.rsplit_once(name)?;
    let digits = after.strip_prefix(" !")?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A local name with its `%`: plain or in quotes.
fn local(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('%')?;
    let end = match inside.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 3,
        None => text[1..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-$._".contains(c)))
            .map_or(text.len(), |e| e + 1),
    };
    (end > 1).then(|| text.get(..end)).flatten()
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// The type that comes first, after any flags.
fn first_type(text: &str) -> Width {
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('<') {
            return vector(rest).unwrap_or(SCALAR);
        }
        let (token, more) = word(rest);
        if let Some(width) = scalar(token.trim_end_matches(',')) {
            return width;
        }
        rest = more;
    }
    SCALAR
}

fn scalar(token: &str) -> Option<Width> {
    let (bits, float) = match token {
        "double" => (64, true),
        "float" => (32, true),
        "half" | "bfloat" => (16, true),
        "x86_fp80" => (80, true),
        "fp128" => (128, true),
        "ptr" => (64, false),
        _ => (token.strip_prefix('i')?.parse().ok().filter(|bits| *bits <= 4096)?, false),
    };
    Some(Width { lanes: 1, bits, float })
}

/// `<4 x double>`, `<vscale x 2 x double>`.
fn vector(text: &str) -> Option<Width> {
    let inside = text.strip_prefix('<')?;
    let inside = inside.strip_prefix("vscale x ").unwrap_or(inside);
    let (lanes, element) = inside.split_once(" x ")?;
    let lanes: u32 = lanes.parse().ok().filter(|lanes| *lanes <= 65536)?;
    let element = element.split(['>', ' ']).next()?;
    scalar(element).map(|width| Width { lanes, ..width })
}

/// A call's class, width and callee.
fn called(rest: &str) -> (Class, Width, Option<&str>) {
    let Some((before, after)) = rest.split_once('@') else {
        let assembly = rest.contains(" asm ");
        return (Class::Call, SCALAR, Some(if assembly { "inline assembly" } else { "a function pointer" }));
    };
    let name = match after.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(""),
        None => after.split('(').next().unwrap_or(""),
    };
    let width = before
        .match_indices('<')
        .find_map(|(at, _)| vector(&before[at..]))
        .or_else(|| before.split(' ').find_map(scalar))
        .unwrap_or(SCALAR);
    let Some(own) = name.strip_prefix("llvm.") else { return (Class::Call, width, Some(name)) };
    let among = |names: &[&str]| names.iter().any(|n| own.starts_with(n));
    let class =
        match () {
            () if own.starts_with("vector.reduce.") || own.starts_with("vector.") => Class::Other,
            () if own.starts_with("masked.load")
                || own.starts_with("masked.gather")
                || own.starts_with("masked.expandload") =>
            {
                Class::Load
            }
            () if own.starts_with("masked.store") || own.starts_with("masked.scatter") => Class::Store,
            () if among(&LIBRARY) => {
                let library = own.split('.').next().unwrap_or(own);
                return (Class::Call, width, Some(library));
            }
            () if among(&FLOAT) => Class::Float,
            () if among(&INT) => Class::Int,
            // instructions of one processor: what they compute is told by their type
            () if (own.starts_with("x86.") || own.starts_with("aarch64.")) && width.lanes > 1 => {
                if width.float { Class::Float } else { Class::Int }
            }
            () => Class::Other,
        };
    (class, width, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(line: &str) -> (Class, u32, u32) {
        let found = read(line).unwrap();
        (found.class, found.width.lanes, found.width.bits)
    }

    #[test]
    fn forms_of_the_language_reference() {
        assert_eq!(summary("  %3 = mul <4 x i32> %wide.load, splat (i32 3), !dbg !61"), (Class::Int, 4, 32));
        assert_eq!(summary("  %a = fadd reassoc nsz double %b, %c"), (Class::Float, 1, 64));
        assert_eq!(summary("  %4 = load volatile <2 x double>, ptr %1, align 8"), (Class::Load, 2, 64));
        assert_eq!(summary("  store i64 0, ptr %17, align 8"), (Class::Store, 1, 64));
        assert_eq!(
            summary(
                "  %9 = tail call <8 x double> @llvm.fma.v8f64(<8 x double> %1, <8 x double> %2, <8 x double> %3)"
            ),
            (Class::Float, 8, 64)
        );
        assert_eq!(summary("  %s = tail call double @llvm.sin.f64(double %x)"), (Class::Call, 1, 64));
        assert_eq!(summary("  %s = call <4 x float> @llvm.sin.v4f32(<4 x float> %x)"), (Class::Call, 4, 32));
        assert_eq!(
            summary("  %r = call <16 x float> @llvm.x86.avx512.mask.rndscale.ps.512(<16 x float> %x)"),
            (Class::Float, 16, 32)
        );
        assert_eq!(
            read("  tail call void @llvm.experimental.noalias.scope.decl(metadata !1)").unwrap().callee,
            None
        );
        let call = read(r#"  invoke void @"_ZN3a$b"(ptr %x)"#).unwrap();
        assert_eq!((call.class, call.callee), (Class::Call, Some("_ZN3a$b")));
        assert_eq!(
            read("  %r = call <vscale x 2 x double> %f(i32 1)").unwrap().callee,
            Some("a function pointer")
        );
        assert_eq!(summary("  %n = fadd <vscale x 2 x double> %a, %b"), (Class::Float, 2, 64));
        assert!(read("    #dbg_value(i64 0, !1, !DIExpression(), !2)").is_none());
        assert!(read("").is_none());
        assert!(read("  %a = phi double [ 0.0, %s ], [ %b, %l ]").unwrap().phi);
    }

    #[test]
    fn names_and_marks() {
        let line = r#"  br i1 %7, label %middle.block, label %"a b", !dbg !51, !llvm.loop !82"#;
        assert_eq!(targets(line).collect::<Vec<_>>(), ["middle.block", "\"a b\""]);
        assert_eq!((attached(line, "!dbg"), attached(line, "!llvm.loop")), (Some(51), Some(82)));
        assert_eq!(attached("  ret void", "!dbg"), None);
        let phi = "  %x = phi double [ 0.0, %start ], [ %y.1, %loop ]";
        assert!(operands(phi).any(|o| o == hash("%y.1")));
        assert_eq!(read(phi).unwrap().result, Some(hash("%x")));
    }
}
