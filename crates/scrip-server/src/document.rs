//! The OpenAPI document: what all routes have in common is said here, once, and each says of itself only what is its own.

use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        self, Components, Content, ObjectBuilder, Ref, RefOr, Response, Schema,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        schema::Type,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    paging::{SortBy, SortOrder},
    problem::ProblemDetails,
    wire::address::HexAddress,
};

#[derive(OpenApi)]
#[openapi(info(title = "Scrip", description = "Prepaid credits for APIs and AI agents, on chain"))]
struct Document;

/// The name of the answer that all have for what is wrong.
const PROBLEM: &str = "Problem";

/// A document without routes.
pub(crate) fn empty() -> openapi::OpenApi {
    Document::openapi()
}

/// Adds what is common to all routes: keys, problems, and the parameters of their paths, which are known by their names.
pub(crate) fn complete(document: &mut openapi::OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("key", SecurityScheme::Http(bearer));
    add_schema::<ProblemDetails>(components);
    add_schema::<HexAddress>(components);
    // Of parameters, whose schemas are not collected.
    add_schema::<SortBy>(components);
    add_schema::<SortOrder>(components);
    let problem = Content::new(Some(Ref::from_schema_name(ProblemDetails::name())));
    let problem = Response::builder()
        .description("What was wrong, and what to do about it")
        .content("application/problem+json", problem);
    components.responses.insert(PROBLEM.to_owned(), problem.into());
    for (path, item) in &mut document.paths.paths {
        let parameters: Vec<_> = names(path).map(parameter).map(RefOr::T).collect();
        item.parameters = (!parameters.is_empty()).then_some(parameters);
        for operation in operations(item) {
            if let Some(parameters) = &mut operation.parameters {
                let is_of_path = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Path);
                parameters.retain(|parameter| !is_of_path(parameter));
            }
            for status in ["4XX", "5XX"] {
                let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
                operation.responses.responses.insert(status.to_owned(), problem);
            }
        }
    }
}

fn add_schema<T: ToSchema + PartialSchema>(components: &mut Components) {
    components.schemas.insert(T::name().into_owned(), T::schema());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// The names between braces of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A parameter of a path, by its name.
fn parameter(name: &str) -> Parameter {
    let text = |pattern: &str| -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    };
    let (schema, description) = match name {
        "planId" | "agentId" => {
            (text("^([0-9]{1,78}|0x[0-9a-fA-F]{1,64})$"), "An id, in decimal digits or in hex")
        }
        "holder" | "address" => (Ref::from_schema_name(HexAddress::name()).into(), "Whose"),
        _ => (text("^[^/]+$"), "An id, as it is listed"),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn each_route_says_what_it_answers_and_what_its_path_holds() {
        let (_, mut document) =
            utoipa_axum::router::OpenApiRouter::with_openapi(empty()).merge(routes::all()).split_for_parts();
        complete(&mut document);
        let document = serde_json::to_value(&document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            let parameters = item["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(parameters, path.matches('{').count(), "{path}");
            for (method, operation) in item.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let of_path = |parameter: &&serde_json::Value| parameter["in"] == "path";
                let repeated = operation["parameters"].as_array().into_iter().flatten().find(of_path);
                assert_eq!(repeated, None, "{method} {path}");
                let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
                assert_eq!(statuses, ["200", "4XX", "5XX"], "{method} {path}");
            }
        }
    }
}
