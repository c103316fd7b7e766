//! The parameters of a request in the query protocol. Every parameter is taken out once, by the operation that
//! knows it; what is left at the end is refused, so that nothing is ever accepted and ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::refusal::Refusal;
use crate::rules;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// `Filters.Filter.n`
#[derive(Debug, PartialEq, Eq)]
pub struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

/// The parameters that no one has taken yet.
#[derive(Debug, Clone)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads `name=value&...` from the address and the body of a request.
    pub fn parse(query: &str, body: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body.as_bytes()));
        // What a presigned address carries for its signature is no parameter of an operation.
        let is_signature = |name: &str| name.starts_with("X-Amz-");
        Self(
            pairs
                .filter(|(name, _)| !is_signature(name))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Looks at a parameter without taking it.
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Takes an optional text. An empty one counts as absent, as it does in the service.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a text that must be there.
    pub fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Takes `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name).map(|value| value.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::invalid_value(format!("Invalid boolean value for {name}: {other}"))),
        }
    }

    /// Takes a whole number within `range`.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::invalid_value(format!(
                "Invalid value {text} for {name}: must be a whole number from {} to {}.",
                range.start(),
                range.end()
            ))),
        }
    }

    /// Takes `name.member.1`, `name.member.2`, ... in order; `name.ElementName.n` as the model spells it is the same.
    pub fn list(&mut self, name: &str, element: &str) -> Option<Vec<String>> {
        let given = self.0.contains_key(name);
        let values: Vec<String> =
            self.members(name, element).iter().filter_map(|member| self.0.remove(member)).collect();
        if values.is_empty() {
            self.0.remove(name);
        }
        (given || !values.is_empty()).then_some(values)
    }

    /// Takes `Tags.Tag.n.Key` and `.Value`.
    pub fn tags(&mut self) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        self.0.remove("Tags");
        for member in self.members("Tags", "Tag") {
            let key = self.0.remove(&format!("{member}.Key")).unwrap_or_default();
            let value = self.0.remove(&format!("{member}.Value")).unwrap_or_default();
            rules::tag(&key, &value)?;
            if tags.insert(key.clone(), value).is_some() {
                return Err(Refusal::invalid_value(format!(
                    "Tag keys must be unique; {key} is given twice."
                )));
            }
        }
        Ok(tags)
    }

    /// Takes `name.element.1.Field`, `name.element.2.Field`, ... in order, each by its fields.
    pub fn structures(&mut self, name: &str, element: &str) -> Vec<Self> {
        self.0.remove(name);
        let mut structures = Vec::new();
        for member in self.members(name, element) {
            let start = format!("{member}.");
            let fields: Vec<String> = self.0.keys().filter(|key| key.starts_with(&start)).cloned().collect();
            let take = |field: &String| Some((field[start.len()..].to_owned(), self.0.remove(field)?));
            structures.push(Self(fields.iter().filter_map(take).collect()));
        }
        structures
    }

    /// Takes `Filters.Filter.n.Name` and `.Values.Value.n`; a filter that is not `known` is refused.
    pub fn filters(&mut self, known: &[&str]) -> Result<Vec<Filter>, Refusal> {
        let mut filters = Vec::new();
        self.0.remove("Filters");
        for member in self.members("Filters", "Filter") {
            let name = self.required(&format!("{member}.Name"))?;
            if !known.contains(&name.as_str()) {
                return Err(Refusal::invalid_value(format!("Unrecognized filter name: {name}")));
            }
            let values = self.list(&format!("{member}.Values"), "Value").unwrap_or_default();
            if values.is_empty() {
                return Err(Refusal::invalid_value(format!("The filter {name} needs at least one value.")));
            }
            filters.push(Filter { name, values });
        }
        Ok(filters)
    }

    /// Refuses whatever no one took.
    pub fn finish(self, action: &str) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::invalid_combination(format!(
                "The parameter {name} is not supported for {action} by the local RDS."
            ))),
        }
    }

    /// The distinct `name.element.n` prefixes that are there, ordered by n.
    fn members(&self, name: &str, element: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        for key in self.0.keys() {
            let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let mut parts = rest.splitn(3, '.');
            let (Some(word), Some(position)) = (parts.next(), parts.next()) else { continue };
            if let (true, Ok(position)) = (word == element || word == "member", position.parse::<u32>()) {
                found.insert((position, format!("{name}.{word}.{position}")));
            }
        }
        found.into_iter().map(|(_, member)| member).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_order_beyond_nine() {
        let body: Vec<_> = (1..=11).rev().map(|n| format!("Ids.Id.{n}=v{n}")).collect();
        let mut parameters = Parameters::parse("", &body.join("&"));
        let values = parameters.list("Ids", "Id").unwrap();
        assert_eq!(values.first().unwrap(), "v1");
        assert_eq!(values.last().unwrap(), "v11");
        parameters.finish("X").unwrap();
    }

    #[test]
    fn an_empty_list_is_given_and_an_absent_one_is_not() {
        assert_eq!(Parameters::parse("", "Ids=").list("Ids", "Id"), Some(vec![]));
        assert_eq!(Parameters::parse("", "").list("Ids", "Id"), None);
    }

    #[test]
    fn what_no_one_took_is_refused_by_name() {
        let mut parameters = Parameters::parse("Action=A", "TdeCredentialArn=x");
        parameters.text("Action");
        assert!(parameters.finish("A").unwrap_err().message.contains("TdeCredentialArn"));
    }

    #[test]
    fn tags_are_read_in_both_spellings() {
        let mut parameters = Parameters::parse("", "Tags.Tag.1.Key=a&Tags.Tag.1.Value=1&Tags.member.2.Key=b");
        let tags = parameters.tags().unwrap();
        assert_eq!(tags, Tags::from([("a".into(), "1".into()), ("b".into(), String::new())]));
        parameters.finish("X").unwrap();
        assert!(Parameters::parse("", "Tags.Tag.1.Key=a&Tags.Tag.2.Key=a").tags().is_err());
    }

    #[test]
    fn structures_are_taken_by_their_fields() {
        let body = "P.Parameter.2.Name=b&P.Parameter.1.Name=a&P.Parameter.1.Value=1&P.Parameter.10.Name=c";
        let mut parameters = Parameters::parse("", body);
        let mut found = parameters.structures("P", "Parameter");
        assert_eq!(found.iter_mut().map(|one| one.text("Name").unwrap()).collect::<String>(), "abc");
        assert_eq!(found[0].text("Value").as_deref(), Some("1"));
        parameters.finish("X").unwrap();
    }

    #[test]
    fn unknown_filters_and_odd_numbers_are_refused() {
        let text = "Filters.Filter.1.Name=engine&Filters.Filter.1.Values.Value.1=postgres";
        assert_eq!(Parameters::parse("", text).filters(&["engine"]).unwrap()[0].values, ["postgres"]);
        assert!(Parameters::parse("", text).filters(&["colour"]).is_err());
        assert!(Parameters::parse("", "N=5").integer("N", 20..=100).is_err());
        assert!(Parameters::parse("", "F=yes").flag("F").is_err());
    }
}
