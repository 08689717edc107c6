//! What the syntax of one Rust file says: its functions, modules and paths, and what is forbidden.
//!
//! Filled by one walk, so that the checks work on plain data.
use anyhow::Result;
use proc_macro2::{Spacing, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What one file contains.
#[derive(Default)]
pub(crate) struct Facts {
    /// Every function with a body.
    pub(crate) functions: Vec<Function>,
    /// Every `mod name;`, those for tests left out.
    pub(crate) modules: Vec<Module>,
    /// Every path that may lead to another file, those in test modules left out.
    pub(crate) paths: Vec<Reference>,
    /// Every import, under the name that it has in this file.
    pub(crate) imports: Vec<Import>,
    /// Lines with an `unsafe` block or implementation.
    pub(crate) unsafes: Vec<usize>,
    /// Lines with a `static mut`.
    pub(crate) mutable_statics: Vec<usize>,
    /// Lines with `#[ignore]`, or with its counterpart of `libtest-mimic`.
    pub(crate) ignored: Vec<usize>,
}

/// A function from its keyword to its closing brace.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// `mod name;`, whose content is in another file.
pub(crate) struct Module {
    /// The modules in this file that enclose it.
    pub(crate) inside: Vec<String>,
    pub(crate) name: String,
    /// The value of `#[path]`.
    pub(crate) path: Option<String>,
}

/// A path such as `crate::a::b` or the target of a `use`.
pub(crate) struct Reference {
    /// The modules in this file that enclose it.
    pub(crate) inside: Vec<String>,
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// A name that a `use` brings into a module.
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) target: Reference,
}

impl Facts {
    pub(crate) fn read(text: &str) -> Result<Self> {
        let mut walk = Walk::default();
        walk.visit_file(&syn::parse_file(text)?);
        Ok(walk.facts)
    }
}

/// The walk through one file.
#[derive(Default)]
struct Walk {
    facts: Facts,
    inside: Vec<String>,
    /// How many of the enclosing items exist only in tests.
    testing: usize,
}

impl Walk {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        self.facts.functions.push(Function {
            name: signature.ident.to_string(),
            first: line(signature.fn_token.span),
            last: body.brace_token.span.close().end().line,
        });
    }

    fn reference(&mut self, segments: Vec<String>, line: usize) {
        if self.testing == 0 {
            self.facts.paths.push(Reference { inside: self.inside.clone(), segments, line });
        }
    }

    /// Takes the paths out of one `use`.
    fn import(&mut self, tree: &syn::UseTree, before: &[String]) {
        let extended = |ident: &syn::Ident| {
            let mut segments = before.to_vec();
            segments.push(ident.to_string());
            segments
        };
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &extended(&path.ident)),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before);
                }
            }
            syn::UseTree::Glob(star) => {
                self.reference(before.to_vec(), line(star.star_token.spans[0]));
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let known_as = before.last().cloned().unwrap_or_default();
                self.named(known_as, before.to_vec(), line(name.ident.span()));
            }
            syn::UseTree::Name(name) => {
                let segments = extended(&name.ident);
                self.named(name.ident.to_string(), segments, line(name.ident.span()));
            }
            syn::UseTree::Rename(rename) => {
                let segments = extended(&rename.ident);
                self.named(rename.rename.to_string(), segments, line(rename.ident.span()));
            }
        }
    }

    fn named(&mut self, name: String, segments: Vec<String>, line: usize) {
        self.reference(segments.clone(), line);
        if self.testing == 0 {
            let target = Reference { inside: self.inside.clone(), segments, line };
            self.facts.imports.push(Import { name, target });
        }
    }

    /// Takes paths and `unsafe` out of what a macro is given, which is not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) if ident == "unsafe" => {
                    if matches!(tokens.get(at), Some(TokenTree::Group(_))) {
                        self.facts.unsafes.push(line(ident.span()));
                    }
                }
                TokenTree::Ident(ident) if leads_elsewhere(&ident.to_string()) => {
                    let mut segments = vec![ident.to_string()];
                    while is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1)) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else { break };
                        segments.push(next.to_string());
                        at += 3;
                    }
                    if segments.len() > 1 {
                        self.reference(segments, line(ident.span()));
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let test = is_for_tests(attributes(item));
        self.testing += usize::from(test);
        visit::visit_item(self, item);
        self.testing -= usize::from(test);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_none() && self.testing == 0 {
            self.facts.modules.push(Module {
                inside: self.inside.clone(),
                name: module.ident.to_string(),
                path: module.attrs.iter().find_map(path_of),
            });
        }
        self.inside.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && leads_elsewhere(&segments[0]) {
            self.reference(segments, line(path.segments[0].ident.span()));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.facts.unsafes.push(line(block.unsafe_token.span));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.facts.unsafes.extend(item.unsafety.map(|token| line(token.span)));
        visit::visit_item_impl(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if matches!(item.mutability, syn::StaticMutability::Mut(_)) {
            self.facts.mutable_statics.push(line(item.static_token.span));
        }
        visit::visit_item_static(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "with_ignored_flag" {
            self.facts.ignored.push(line(call.method.span()));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let conditional = attribute.path().is_ident("cfg_attr")
            && matches!(&attribute.meta, syn::Meta::List(list) if mentions(&list.tokens, "ignore"));
        if attribute.path().is_ident("ignore") || conditional {
            self.facts.ignored.push(line(attribute.pound_token.spans[0]));
        }
        visit::visit_attribute(self, attribute);
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

/// Whether a path that starts so may lead to another file of the crate.
fn leads_elsewhere(first: &str) -> bool {
    matches!(first, "crate" | "self" | "super")
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct))
        if punct.as_char() == ':' && matches!(punct.spacing(), Spacing::Joint | Spacing::Alone))
}

/// Whether attributes say `#[cfg(test)]`.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list)
                if mentions(&list.tokens, "test") && !mentions(&list.tokens, "not"))
    })
}

/// Whether tokens contain this identifier at the top level.
fn mentions(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(it) if it == name))
}

/// Returns the value of `#[path = "…"]`.
fn path_of(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else {
        return None;
    };
    pair.path.is_ident("path").then(|| text.value())
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => &[],
    }
}
