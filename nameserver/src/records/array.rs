//! A JSON array of endpoints: texts, or objects of which each holds one.

use super::json::Json;
use super::text::{self, Found, No};
use super::{Format, Host, Instance, Reading, Silence, generic};

/// An array in which every element is an endpoint. One that is none makes it another kind of list.
pub(super) fn read(text: &str) -> Result<Reading, No> {
    let Ok(Json::Array(elements)) = serde_json::from_str(text) else {
        return Err(Silence::Word.into());
    };
    let mut all = Found::new();
    for element in &elements {
        let found = match element {
            Json::Text(text) => text::endpoints(text),
            Json::Object(object) => match generic::read(object) {
                Ok(Reading::Instance(instance)) if instance.is_in_service() => {
                    Ok(instance.endpoints.iter().cloned().collect())
                }
                Ok(Reading::Instance(_)) => continue,
                Ok(_) => return Err(Silence::Array.into()),
                Err(no) => Err(no),
            },
            _ => return Err(Silence::Array.into()),
        };
        let found = found.map_err(|no| match no {
            No::Silence(_) => No::from(Silence::Array),
            problem @ No::Problem(_) => problem,
        })?;
        for endpoint in found {
            if let Host::Word(_) = endpoint.host {
                return Err(Silence::Array.into());
            }
            if !all.contains(&endpoint) {
                all.push(endpoint);
            }
        }
    }
    if all.is_empty() {
        return Err(Silence::Array.into());
    }
    Ok(Instance::at(Format::Array, all).into())
}
