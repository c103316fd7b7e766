//! A CloudFormation template as JSON, with its tags in their long form (`!Ref X` is `{"Ref": "X"}`).

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A template.
#[derive(Debug, Clone)]
pub struct Template(Value);

impl Template {
    /// Reads a template; the text may hold exactly one document, and no anchors, which CloudFormation refuses.
    pub fn read(text: &str) -> Result<Self, String> {
        let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
        match documents.as_slice() {
            [document] => json(document).map(Self),
            _ => Err(format!("it has {} documents", documents.len())),
        }
    }

    /// The entries of one of the template's sections.
    pub fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.0[name].as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// The properties of every resource of a type.
    pub fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.section("Resources")
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(name, resource)| (name, &resource["Properties"]))
    }

    /// Everything of one resource; null if there is no such resource.
    pub fn resource(&self, name: &str) -> &Value {
        &self.0["Resources"][name]
    }

    /// The properties of one resource; null if there is no such resource.
    pub fn properties(&self, name: &str) -> &Value {
        &self.resource(name)["Properties"]
    }

    /// What CloudFormation makes of it for one database, or for several.
    pub fn for_databases(&self, many: bool) -> Self {
        Self(chosen(&self.0, many).unwrap_or_default())
    }

    /// The whole template.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Every value in a tree, the tree itself first, each with the path that leads to it.
pub fn walk<'a>(path: &str, value: &'a Value, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(path, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, visit));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| walk(&format!("{path}.{index}"), value, visit));
        }
        _ => {}
    }
}

/// The condition that says whether a stack replicates several databases.
pub const MANY: &str = "ReplicatesMany";

/// A value with the branches of that condition chosen; nothing where the branch says that there is none.
fn chosen(value: &Value, many: bool) -> Option<Value> {
    match value {
        Value::Object(fields) => match fields.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice) {
            Some([condition, yes, no]) if *condition == MANY => {
                let branch = if many { yes } else { no };
                (*branch != json!({"Ref": "AWS::NoValue"})).then(|| chosen(branch, many))?
            }
            _ => Some(Value::Object(
                fields.iter().filter_map(|(key, value)| Some((key.clone(), chosen(value, many)?))).collect(),
            )),
        },
        Value::Array(items) => Some(items.iter().filter_map(|item| chosen(item, many)).collect()),
        other => Some(other.clone()),
    }
}

fn json(yaml: &Yaml<'_>) -> Result<Value, String> {
    match yaml {
        Yaml::Value(scalar) => Ok(match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => json!(value),
            Scalar::Integer(value) => json!(value),
            Scalar::FloatingPoint(value) => json!(value.into_inner()),
            Scalar::String(value) => json!(value),
        }),
        Yaml::Sequence(items) => items.iter().map(json).collect::<Result<_, _>>().map(Value::Array),
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                let key = key.as_str().ok_or_else(|| format!("the key {key:?} is not text"))?;
                object.insert(key.to_owned(), json(value)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, value) => Ok(function(&tag.suffix, &json(value)?)),
        other => Err(format!("{other:?} is not allowed in a template")),
    }
}

/// The long form of a tag.
fn function(tag: &str, argument: &Value) -> Value {
    match (tag, argument) {
        ("Ref" | "Condition", _) => json!({ tag: argument }),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        _ => json!({ format!("Fn::{tag}"): argument }),
    }
}
