//! The OpenAPI document: made from the handlers, completed with what all of them have in common.

use callbox_core::wire::Code;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Info, OpenApi, Ref, RefOr, ResponseBuilder};

use super::problem::PROBLEM_JSON;

/// How utoipa names a page of something.
const PAGE: &str = "Page_";

/// The document's head.
pub(super) fn head(version: &str) -> OpenApi {
    let mut info = Info::new("Callbox", version);
    info.description =
        Some("The telephone system of a small office in one box. Errors are RFC 9457 problems.".to_owned());
    let mut document = OpenApi::new(info, utoipa::openapi::Paths::new());
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    document
}

/// Adds the errors that follow from an operation's form, and gives every error its body.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            for code in codes(operation) {
                let status = code.status().to_string();
                operation.responses.responses.entry(status).or_insert_with(|| {
                    RefOr::T(ResponseBuilder::new().description(format!("`{}`", code.as_str())).build())
                });
            }
            give_bodies(operation);
        }
    }
    name_pages(document);
}

/// Generic pages get the names that a client would give them, and refer to their items instead of copying them.
fn name_pages(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    for (name, mut schema) in std::mem::take(&mut components.schemas) {
        if let (Some(item), RefOr::T(Schema::Object(page))) = (name.strip_prefix(PAGE), &mut schema)
            && let Some(RefOr::T(Schema::Array(list))) = page.properties.get_mut("items")
        {
            list.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
        components.schemas.insert(name.strip_prefix(PAGE).map_or_else(|| name.clone(), page_name), schema);
    }
}

fn page_name(item: &str) -> String {
    format!("{item}Page")
}

/// A response's reference to a page, by the page's new name.
fn follow_page(content: &mut RefOr<Content>) {
    if let RefOr::T(Content { schema: Some(RefOr::Ref(reference)), .. }) = content
        && let Some((_, item)) = reference.ref_location.split_once(PAGE)
    {
        *reference = Ref::from_schema_name(page_name(item));
    }
}

/// Errors by the operation's form: what it takes, and who may use it.
fn codes(operation: &Operation) -> Vec<Code> {
    let mut codes = vec![Code::Internal, Code::RateLimited, Code::Busy];
    if operation.security.is_some() {
        codes.push(Code::Unauthorized);
    }
    if operation.request_body.is_some() {
        codes.extend([
            Code::MalformedJson,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidInput,
        ]);
    }
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        match parameter.parameter_in {
            ParameterIn::Path => codes.push(Code::NotFound),
            ParameterIn::Query | ParameterIn::QueryString => codes.push(Code::InvalidInput),
            ParameterIn::Header | ParameterIn::Cookie => {}
        }
    }
    codes
}

fn give_bodies(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        response.content.values_mut().for_each(follow_page);
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(content));
        }
        if status == "429" {
            let seconds = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).build();
            let header =
                HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait.")).build();
            response.headers.insert("Retry-After".to_owned(), header.into());
        }
    }
}
