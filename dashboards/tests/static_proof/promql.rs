//! PromQL taken apart: the selectors of an expression, and the labels that it leaves.

use std::collections::BTreeSet;

use dashboards::rules::JOB;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{T_BOTTOMK, T_LAND, T_LOR, T_SUM, T_TOPK};
use promql_parser::parser::{
    BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};

use crate::known;

/// A selector and what is around it.
pub(crate) struct Selector {
    /// The metric.
    pub(crate) name: String,
    /// Its matchers.
    pub(crate) matchers: Vec<Matcher>,
    /// Whether it stands directly in rate, irate or increase.
    pub(crate) rated: bool,
    /// Whether it is of a moment in the past (`offset`), as one side of a difference is.
    pub(crate) past: bool,
}

impl Selector {
    /// Whether the variable of this name limits it, as `name=~"$name"`; of alerts also those
    /// without that label.
    pub(crate) fn limited_by(&self, name: &str) -> bool {
        let value =
            if self.name.starts_with("ALERTS") { format!("${name}|") } else { format!("${name}") };
        self.matchers
            .iter()
            .any(|one| one.name == name && matches!(one.op, MatchOp::Re(_)) && one.value == value)
    }
}

/// With a time in the place of Grafana's own variables; those in quotes parse as they are.
pub(crate) fn concrete(expression: &str) -> String {
    expression.replace("$__rate_interval", "5m")
}

/// The expression behind a text with Grafana's variables.
pub(crate) fn parse(expression: &str) -> Result<Expr, String> {
    promql_parser::parser::parse(&concrete(expression))
}

/// Every selector, outermost first.
pub(crate) fn selectors(expression: &Expr) -> Vec<Selector> {
    let mut all = Vec::new();
    walk(expression, "", &mut all);
    all
}

fn walk(expression: &Expr, function: &str, all: &mut Vec<Selector>) {
    let mut take = |selector: &VectorSelector, windowed: bool| {
        let rated = windowed && ["rate", "irate", "increase"].contains(&function);
        let name = selector.name.clone().unwrap_or_default();
        let past = selector.offset.is_some() && !windowed;
        all.push(Selector { name, matchers: selector.matchers.matchers.clone(), rated, past });
    };
    match expression {
        Expr::VectorSelector(selector) => take(selector, false),
        Expr::MatrixSelector(matrix) => take(&matrix.vs, true),
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, "", all);
            aggregate.param.iter().for_each(|param| walk(param, "", all));
        }
        Expr::Unary(unary) => walk(&unary.expr, "", all),
        Expr::Paren(paren) => walk(&paren.expr, function, all),
        Expr::Subquery(subquery) => walk(&subquery.expr, function, all),
        Expr::Binary(binary) => {
            walk(&binary.lhs, "", all);
            walk(&binary.rhs, "", all);
        }
        Expr::Call(call) => {
            call.args.args.iter().for_each(|argument| walk(argument, call.func.name, all));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// The selectors of what other programs have too, `up`, `scrape_...` and `process_...`, with
/// nothing that leaves agents only: neither the name of the job nor a series of the agent at the
/// other side of an `and` for the same target.
pub(crate) fn of_anybody(expression: &Expr) -> Vec<String> {
    let foreign = |selector: &VectorSelector| {
        let name = selector.name.clone().unwrap_or_default();
        let anybodys = name == "up" || name.starts_with("scrape_") || name.starts_with("process_");
        let named =
            selector.matchers.matchers.iter().any(|one| one.name == "job" && one.value == JOB);
        (anybodys && !named).then_some(name).into_iter().collect()
    };
    match expression {
        Expr::VectorSelector(selector) => foreign(selector),
        Expr::MatrixSelector(matrix) => foreign(&matrix.vs),
        Expr::Aggregate(aggregate) => of_anybody(&aggregate.expr),
        Expr::Unary(unary) => of_anybody(&unary.expr),
        Expr::Paren(paren) => of_anybody(&paren.expr),
        Expr::Subquery(subquery) => of_anybody(&subquery.expr),
        Expr::Binary(binary) => {
            let (left, right) = (of_anybody(&binary.lhs), of_anybody(&binary.rhs));
            let own =
                |side: &Expr, loose: &[String]| loose.is_empty() && !selectors(side).is_empty();
            let guarded =
                of_one_target(binary) && (own(&binary.lhs, &left) || own(&binary.rhs, &right));
            if guarded { Vec::new() } else { [left, right].concat() }
        }
        Expr::Call(call) => {
            call.args.args.iter().flat_map(|argument| of_anybody(argument)).collect()
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

/// Of each sum, the labels that it takes together: those of its series that it does not keep.
/// Quantiles are no sums.
pub(crate) fn summed_away(expression: &Expr) -> Vec<Labels> {
    match expression {
        Expr::Aggregate(aggregate) => {
            let inner = labels(&aggregate.expr);
            let own = (aggregate.op.id() == T_SUM)
                .then(|| inner.difference(&labels(expression)).cloned().collect());
            own.into_iter().chain(summed_away(&aggregate.expr)).collect()
        }
        Expr::Unary(unary) => summed_away(&unary.expr),
        Expr::Paren(paren) => summed_away(&paren.expr),
        Expr::Subquery(subquery) => summed_away(&subquery.expr),
        Expr::Binary(binary) => [summed_away(&binary.lhs), summed_away(&binary.rhs)].concat(),
        Expr::Call(call) if call.func.name == "histogram_quantile" => Vec::new(),
        Expr::Call(call) => {
            call.args.args.iter().flat_map(|argument| summed_away(argument)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether it is an `and` of series of the same target.
fn of_one_target(binary: &BinaryExpr) -> bool {
    let on = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    let target = |labels: &[String]| {
        ["job", "instance"].iter().all(|name| labels.iter().any(|label| label == name))
    };
    binary.op.id() == T_LAND && matches!(on, Some(LabelModifier::Include(on)) if target(&on.labels))
}

pub(crate) type Labels = BTreeSet<String>;

/// The labels that every series of the result can have; none for a number.
pub(crate) fn labels(expression: &Expr) -> Labels {
    match expression {
        Expr::VectorSelector(selector) => {
            known::labels(selector.name.as_deref().unwrap_or_default())
        }
        Expr::MatrixSelector(matrix) => {
            known::labels(matrix.vs.name.as_deref().unwrap_or_default())
        }
        Expr::Aggregate(aggregate) => {
            let inner = labels(&aggregate.expr);
            if [T_TOPK, T_BOTTOMK].contains(&aggregate.op.id()) {
                return inner;
            }
            match &aggregate.modifier {
                Some(LabelModifier::Include(by)) => by.labels.iter().cloned().collect(),
                Some(LabelModifier::Exclude(without)) => {
                    inner.into_iter().filter(|label| !without.labels.contains(label)).collect()
                }
                None => Labels::new(),
            }
        }
        Expr::Unary(unary) => labels(&unary.expr),
        Expr::Paren(paren) => labels(&paren.expr),
        Expr::Subquery(subquery) => labels(&subquery.expr),
        Expr::Binary(binary) => of_binary(binary),
        Expr::Call(call) => {
            let mut inner: Labels =
                call.args.args.iter().flat_map(|argument| labels(argument)).collect();
            if call.func.name == "histogram_quantile" {
                inner.remove("le");
            }
            inner
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::new(),
    }
}

fn of_binary(binary: &BinaryExpr) -> Labels {
    let (left, right) = (labels(&binary.lhs), labels(&binary.rhs));
    if binary.op.is_set_operator() {
        // What only one side of `or` has is no label of the result that a legend could count on.
        return if binary.op.id() == T_LOR && !is_scalar(&binary.rhs) {
            left.intersection(&right).cloned().collect()
        } else {
            left
        };
    }
    if is_scalar(&binary.lhs) {
        return right;
    }
    let Some(modifier) = &binary.modifier else { return left };
    match (&modifier.card, &modifier.matching) {
        (VectorMatchCardinality::ManyToOne(extra), _) => {
            left.into_iter().chain(extra.labels.iter().cloned()).collect()
        }
        (VectorMatchCardinality::OneToMany(extra), _) => {
            right.into_iter().chain(extra.labels.iter().cloned()).collect()
        }
        (_, Some(LabelModifier::Include(on))) => on.labels.iter().cloned().collect(),
        (_, Some(LabelModifier::Exclude(ignored))) => {
            left.into_iter().filter(|label| !ignored.labels.contains(label)).collect()
        }
        (_, None) => left,
    }
}

/// Whether an expression is a number, or a vector made of one.
fn is_scalar(expression: &Expr) -> bool {
    match expression {
        Expr::NumberLiteral(_) => true,
        Expr::Paren(paren) => is_scalar(&paren.expr),
        Expr::Unary(unary) => is_scalar(&unary.expr),
        Expr::Call(call) => ["vector", "time", "scalar"].contains(&call.func.name),
        Expr::Binary(binary) => is_scalar(&binary.lhs) && is_scalar(&binary.rhs),
        _ => false,
    }
}
