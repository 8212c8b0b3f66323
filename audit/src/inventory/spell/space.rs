//! Where a space stands between two tokens.

/// What is known of a token from its node.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Token {
    /// Ends an expression: a name, a literal, a block.
    Value,
    /// A word that does not.
    Word,
    /// Told by its text.
    Any,
}

/// Nodes whose `<` and `>` are brackets.
const GENERIC: [&str; 5] =
    ["type_arguments", "type_parameters", "bracketed_type", "for_lifetimes", "use_bounds"];
/// Nodes whose operator stands before its operand.
const PREFIX: [&str; 15] = [
    "unary_expression",
    "reference_expression",
    "reference_type",
    "reference_pattern",
    "pointer_type",
    "pointer_expression",
    "pointer_declarator",
    "abstract_pointer_declarator",
    "unary_operator",
    "list_splat",
    "dictionary_splat",
    "list_splat_pattern",
    "dictionary_splat_pattern",
    "negative_literal",
    "removed_trait_bound",
];
/// Nodes whose braces stand close to what is in them.
const CLOSE_BRACES: [&str; 5] =
    ["set", "dictionary", "set_comprehension", "dictionary_comprehension", "initializer_list"];
/// Nodes whose `=` names an argument.
const NAMED: [&str; 2] = ["keyword_argument", "default_parameter"];
/// Words after which a parenthesis stands close.
const LIKE_CALLS: [&str; 5] = ["sizeof", "fn", "true", "false", "await"];

/// A line that grows token by token.
#[derive(Default)]
pub(super) struct Spacing {
    pub(super) text: String,
    /// The last token wants no space after it.
    close: bool,
    /// The last token ended an expression.
    value: bool,
    /// The last token closed the type of a cast.
    cast: bool,
    /// A closure's parameters are open.
    bar: bool,
}

/// Whether a token wants no space before it, none after it, and whether it ends an expression.
type Shape = (bool, bool, bool);
/// With spaces on both sides.
const APART: Shape = (false, false, false);
const PREFIXED: Shape = (false, true, false);

impl Spacing {
    /// Adds a token; `first` means the first child of its parent.
    pub(super) fn push(&mut self, token: &str, known: Token, parent: &str, first: bool) {
        let Some(begin) = token.chars().next() else { return };
        // `(n) - 1` or `(double) - 1`: the parser can tell only by the space after the sign, so both read alike
        let sign = self.cast && matches!(token, "+" | "-");
        self.close &= !sign;
        self.cast = token == ")" && parent == "cast_expression";
        let (before, after, value) = match known {
            _ if sign => APART,
            Token::Value => (false, false, true),
            Token::Word => APART,
            Token::Any => self.shape(token, parent, first),
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let merged = word(begin) && self.text.chars().next_back().is_some_and(word);
        if !self.text.is_empty() && (merged || !before && !self.close) {
            self.text.push(' ');
        }
        self.text.push_str(token);
        (self.close, self.value) = (after, value);
    }

    fn shape(&mut self, token: &str, parent: &str, first: bool) -> Shape {
        let generic = GENERIC.contains(&parent);
        match token {
            "(" | "[" => (self.value, true, false),
            ")" | "]" => (true, parent == "cast_expression", parent != "cast_expression"),
            "{" => (false, CLOSE_BRACES.contains(&parent), false),
            "}" => {
                let tight = CLOSE_BRACES.contains(&parent) || self.text.ends_with('{');
                self.close &= tight;
                (tight, false, true)
            }
            "," | ";" => (true, false, false),
            "." | ".." | "..=" | "..." | "::" => (self.value, true, false),
            "->" if parent == "field_expression" => (true, true, false),
            "?" | ":" if parent == "conditional_expression" => APART,
            ":" if parent == "slice" => (true, true, false),
            ":" => (true, false, false),
            "?" if self.value => (true, false, true),
            "!" => (self.value, true, false),
            "|" => self.bar(parent, first),
            "<" if generic => (self.value, true, false),
            ">" if generic => (true, false, true),
            "++" | "--" if first || !self.value => PREFIXED,
            "++" | "--" => (true, false, true),
            "=" if NAMED.contains(&parent) => (true, true, false),
            "#" | "$" => PREFIXED,
            "+" | "-" | "*" | "&" | "&&" | "~" | "**" | "?" if PREFIX.contains(&parent) || !self.value => {
                PREFIXED
            }
            word if LIKE_CALLS.contains(&word) => (false, false, true),
            // words of text without nodes, where names and keywords look alike
            word if parent.is_empty() || parent.contains("preproc") => {
                (false, false, word.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"'))
            }
            _ => APART,
        }
    }

    /// The bars around a closure's parameters, or an operator.
    fn bar(&mut self, parent: &str, first: bool) -> Shape {
        let opens = if parent == "closure_parameters" { first } else { !self.bar && !self.value };
        let closes = if parent == "closure_parameters" { !first } else { self.bar };
        self.bar = opens;
        match (opens, closes) {
            (true, _) => PREFIXED,
            (false, true) => (true, false, false),
            (false, false) => APART,
        }
    }
}
