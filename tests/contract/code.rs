//! A Rust file, as far as the checks read it.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Item, Lit, LitStr, Signature};

/// What a file has.
#[derive(Debug, Default)]
pub struct Code {
    /// Every function, those of tests and those inside others too.
    pub functions: Vec<Function>,
    /// The texts in what ships, but for attributes and comments.
    pub texts: Vec<Text>,
    /// The modules of the file that are in files of their own and only there for tests.
    pub test_modules: Vec<String>,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its name.
    pub line: usize,
    /// From its name to its last brace.
    pub lines: usize,
}

/// A text between quotes.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it is.
    pub line: usize,
    /// What it says.
    pub text: String,
    /// Whether it is searched for in another text.
    pub is_part: bool,
}

/// What searches for a text in another one.
const LOOKING: [&str; 5] = ["contains", "ends_with", "starts_with", "strip_prefix", "strip_suffix"];

impl Code {
    /// Reads a file.
    pub fn read(text: &str) -> syn::Result<Self> {
        let mut reader = Reader::default();
        reader.visit_file(&syn::parse_file(text)?);
        Ok(reader.code)
    }
}

#[derive(Default)]
struct Reader {
    code: Code,
    is_test: bool,
}

impl Reader {
    fn function(&mut self, signature: &Signature, body: &Block) {
        let line = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        let name = signature.ident.to_string();
        self.code.functions.push(Function { name, line, lines: last - line + 1 });
    }

    fn text(&mut self, text: &LitStr, is_part: bool) {
        if !self.is_test {
            self.code.texts.push(Text { line: text.span().start().line, text: text.value(), is_part });
        }
    }

    /// The texts in the arguments of a macro, with all their parts.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal) {
                        self.text(&text, false);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether an item is there for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg_test = || attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"));
        attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && is_cfg_test())
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let was_test = self.is_test;
        // What the tests of several crates share cannot be left out of what ships; it has this name.
        let is_shared = matches!(item, Item::Mod(module) if module.ident == "testing");
        self.is_test |= is_shared || is_for_tests(attributes(item));
        match item {
            Item::Mod(module) if module.content.is_none() && self.is_test => {
                self.code.test_modules.push(module.ident.to_string());
            }
            _ => visit::visit_item(self, item),
        }
        self.is_test = was_test;
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if LOOKING.iter().any(|name| call.method == name) {
            for argument in &call.args {
                if let Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) = argument {
                    self.text(text, true);
                }
            }
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.text(text, false);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

#[test]
fn a_function_is_measured_from_its_name_to_its_last_brace() {
    let text = "/// What.\n#[must_use]\npub fn one(\n    a: u32,\n) -> u32 {\n    a\n}\n\nimpl X {\n    fn two() {}\n}\n";
    let code = Code::read(text).unwrap();
    let found: Vec<_> = code.functions.iter().map(|one| (one.name.as_str(), one.line, one.lines)).collect();
    assert_eq!(found, [("one", 3, 5), ("two", 10, 1)]);
}

#[test]
fn the_texts_of_what_ships_are_read() {
    let text = r#"
        /// "doc"
        fn one() { a == "compared"; b.starts_with("part"); matches!(c, "matched" | "too"); }
        #[serde(rename = "renamed")] struct A;
        #[cfg(test)] mod tests { const A: &str = "of a test"; }
        #[cfg(test)] mod other;
    "#;
    let code = Code::read(text).unwrap();
    let whole: Vec<_> =
        code.texts.iter().filter(|text| !text.is_part).map(|text| text.text.as_str()).collect();
    assert_eq!(whole, ["compared", "part", "matched", "too"]);
    assert_eq!(code.texts.iter().filter(|text| text.is_part).count(), 1);
    assert_eq!(code.test_modules, ["other"]);
}
