//! Which edge a path means, and what it takes to use it.

use greenline_wire::path::{self, Access, Edge, NodeKind};
use greenline_wire::send::Body;
use http::Method;

fn show(edge: &Edge<'_>) -> String {
    match edge {
        Edge::Messages { number } => format!("messages {number}"),
        Edge::MarketingMessages { number } => format!("marketing {number}"),
        Edge::Calls { number } => format!("calls {number}"),
        Edge::Batch => "batch".to_owned(),
        Edge::Node { id } => format!("node {id}"),
        Edge::NodeEdge { id, edge } => format!("{edge} of {id}"),
        Edge::Deeper { id, edge, rest } => format!("{edge} of {id}: {rest}"),
        Edge::Upload { session } => session.to_string(),
        Edge::Tokens => "tokens".to_owned(),
    }
}

#[test]
fn edges_and_what_they_take() {
    use Access::{Gated, Read, WriteSafe, WriteTrusted, WriteUnlisted};
    const N: &str = "301500000000001";
    let rows = [
        ("POST", "/v23.0/301500000000001/messages", "messages", Gated),
        ("POST", "/301500000000001/messages", "messages", Gated),
        ("POST", "/v23/301500000000001/messages", "messages", Gated),
        (
            "POST",
            "/v23.0/301500000000001/messages/",
            "messages",
            Gated,
        ),
        ("POST", "/v23.0/301500000000001/Messages", "messages", Gated),
        ("POST", "/v23.0/301500000000001/MESSAGES", "messages", Gated),
        (
            "POST",
            "/v23.0/301500000000001/%6dessages",
            "messages",
            Gated,
        ),
        (
            "POST",
            "/v23.0/%3301500000000001/messages",
            "messages",
            Gated,
        ),
        (
            "POST",
            "/v23.0/301500000000001/marketing_messages",
            "marketing",
            Gated,
        ),
        ("POST", "/v23.0/301500000000001/calls", "calls", Gated),
        ("POST", "/", "batch", Gated),
        ("POST", "/v23.0", "batch", Gated),
        ("POST", "/v23.0/", "batch", Gated),
        ("GET", "/", "batch", Read),
        ("GET", "/v23.0/", "batch", Read),
        (
            "PUT",
            "/v23.0/301500000000001/messages",
            "messages",
            WriteUnlisted,
        ),
        (
            "PATCH",
            "/v23.0/301500000000001/messages",
            "messages",
            WriteUnlisted,
        ),
        (
            "DELETE",
            "/v23.0/301500000000001/messages",
            "messages",
            WriteUnlisted,
        ),
        ("GET", "/v23.0/301500000000001/messages", "messages", Read),
        ("GET", "/v23.0/301500000000001", "node", Read),
        ("HEAD", "/v23.0/301500000000001", "node", Read),
        ("GET", "/v23.0/me", "node me", Read),
        ("POST", "/v23.0/301500000000001", "node", WriteTrusted),
        ("DELETE", "/v23.0/301500000000001", "node", WriteTrusted),
        ("POST", "/v23.0/me", "node me", WriteUnlisted),
        ("POST", "/v23.0/messages", "node messages", WriteUnlisted),
        ("POST", "/messages", "node messages", WriteUnlisted),
        (
            "GET",
            "/v23.0/201500000000001/message_templates",
            "message_templates of 201500000000001",
            Read,
        ),
        (
            "POST",
            "/v23.0/201500000000001/message_templates",
            "message_templates of 201500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/v23.0/201500000000001/message_templates",
            "message_templates of 201500000000001",
            WriteSafe,
        ),
        (
            "PUT",
            "/v23.0/201500000000001/message_templates",
            "message_templates of 201500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/v23.0/901500000000001/unpause",
            "unpause of 901500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/v23.0/901500000000001/unpause",
            "unpause of 901500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/301500000000001/media",
            "media of 301500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/301500000000001/media",
            "media of 301500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/601500000000001/uploads",
            "uploads of 601500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/v23.0/upload:MTphdHRhY2htZW50Og==",
            "upload:MTphdHRhY2htZW50Og==",
            WriteSafe,
        ),
        (
            "GET",
            "/v23.0/upload:MTphdHRhY2htZW50Og==",
            "upload:MTphdHRhY2htZW50Og==",
            Read,
        ),
        ("DELETE", "/v23.0/upload:MTph", "upload:MTph", WriteUnlisted),
        (
            "GET",
            "/301500000000001/whatsapp_business_profile",
            "whatsapp_business_profile of 301500000000001",
            Read,
        ),
        (
            "POST",
            "/301500000000001/whatsapp_business_profile",
            "whatsapp_business_profile of 301500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/301500000000001/block_users",
            "block_users of 301500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/301500000000001/block_users",
            "block_users of 301500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/201500000000001/flows",
            "flows of 201500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/801500000000001/assets",
            "assets of 801500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/801500000000001/publish",
            "publish of 801500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/801500000000001/deprecate",
            "deprecate of 801500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/301500000000001/conversational_automation",
            "conversational_automation of 301500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/301500000000001/message_qrdls",
            "message_qrdls of 301500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/301500000000001/message_qrdls/4O4YGZEG3RIVE1",
            "message_qrdls of 301500000000001: 4O4YGZEG3RIVE1",
            WriteSafe,
        ),
        (
            "GET",
            "/301500000000001/message_qrdls/4O4YGZEG3RIVE1",
            "message_qrdls of 301500000000001: 4O4YGZEG3RIVE1",
            Read,
        ),
        (
            "POST",
            "/301500000000001/whatsapp_commerce_settings",
            "whatsapp_commerce_settings of 301500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/201500000000001/signups",
            "signups of 201500000000001",
            WriteSafe,
        ),
        (
            "POST",
            "/201500000000001/signups/131500000000001",
            "signups of 201500000000001: 131500000000001",
            WriteSafe,
        ),
        (
            "DELETE",
            "/201500000000001/signups/131500000000001",
            "signups of 201500000000001: 131500000000001",
            WriteUnlisted,
        ),
        (
            "GET",
            "/201500000000001/product_catalogs",
            "product_catalogs of 201500000000001",
            Read,
        ),
        (
            "POST",
            "/201500000000001/product_catalogs",
            "product_catalogs of 201500000000001",
            WriteUnlisted,
        ),
        (
            "GET",
            "/201500000000001/template_analytics",
            "template_analytics of 201500000000001",
            Read,
        ),
        (
            "GET",
            "/201500000000001/subscribed_apps",
            "subscribed_apps of 201500000000001",
            Read,
        ),
        (
            "POST",
            "/201500000000001/subscribed_apps",
            "subscribed_apps of 201500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/201500000000001/SUBSCRIBED_APPS",
            "subscribed_apps of 201500000000001",
            WriteTrusted,
        ),
        (
            "DELETE",
            "/201500000000001/subscribed_apps",
            "subscribed_apps of 201500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/601500000000001/subscriptions",
            "subscriptions of 601500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/301500000000001/register",
            "register of 301500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/301500000000001/deregister",
            "deregister of 301500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/301500000000001/request_code",
            "request_code of 301500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/301500000000001/verify_code",
            "verify_code of 301500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/301500000000001/settings",
            "settings of 301500000000001",
            WriteTrusted,
        ),
        (
            "POST",
            "/201500000000001/assigned_users",
            "assigned_users of 201500000000001",
            WriteTrusted,
        ),
        (
            "GET",
            "/501500000000001/access_tokens",
            "access_tokens of 501500000000001",
            WriteTrusted,
        ),
        ("GET", "/oauth/access_token", "tokens", WriteTrusted),
        ("POST", "/v23.0/oauth/access_token", "tokens", WriteTrusted),
        ("GET", "/v23.0/OAuth/access_token", "tokens", WriteTrusted),
        ("GET", "/debug_token", "tokens", WriteTrusted),
        ("POST", "/v23.0/device/login", "tokens", WriteTrusted),
        (
            "POST",
            "/301500000000001/groups",
            "groups of 301500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/301500000000001/message_send",
            "message_send of 301500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/301500000000001/messages_encrypted",
            "messages_encrypted of 301500000000001",
            WriteUnlisted,
        ),
        (
            "POST",
            "/201500000000001/phone_numbers/301500000000001/messages",
            "phone_numbers of 201500000000001: 301500000000001/messages",
            WriteTrusted,
        ),
        (
            "POST",
            "/v23.0/v23.0/301500000000001/messages",
            "301500000000001 of v23.0: messages",
            WriteUnlisted,
        ),
        (
            "POST",
            "/V23.0/301500000000001/messages",
            "301500000000001 of V23.0: messages",
            WriteUnlisted,
        ),
        (
            "POST",
            "/301500000000001/messages/wamid.A",
            "messages of 301500000000001: wamid.A",
            WriteUnlisted,
        ),
        (
            "GET",
            "/301500000000001/anything/at/all",
            "anything of 301500000000001: at/all",
            Read,
        ),
        (
            "POST",
            "/301500000000001/anything",
            "anything of 301500000000001",
            WriteUnlisted,
        ),
        (
            "PURGE",
            "/301500000000001/media",
            "media of 301500000000001",
            WriteUnlisted,
        ),
        ("CONNECT", "/301500000000001", "node", WriteUnlisted),
    ];
    assert!(rows.len() >= 80);
    for (method, path, expected, access) in rows {
        let expected = match expected {
            "messages" | "marketing" | "calls" | "node" => format!("{expected} {N}"),
            other => other.to_owned(),
        };
        let read = path::classify(path).unwrap();
        assert_eq!(show(&read.edge), expected, "{path}");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(path::access(&method, &read.edge), access, "{method} {path}");
    }
}

#[test]
fn paths_that_are_refused() {
    for path in [
        "",
        "301500000000001/messages",
        "*",
        "//301500000000001/messages",
        "/v23.0//301500000000001/messages",
        "/301500000000001//messages",
        "/301500000000001/messages//",
        "/v23.0/../301500000000001/messages",
        "/v23.0/./301500000000001/messages",
        "/v23.0/.../301500000000001/messages",
        "/x/%2e%2e/301500000000001/messages",
        "/301500000000001%2Fmessages",
        "/301500000000001%2fmessages",
        "/301500000000001%5Cmessages",
        "/301500000000001\\messages",
        "/301500000000001/messages%00",
        "/301500000000001/messages%0a",
        "/301500000000001/messages%20",
        "/301500000000001/%256dessages",
        "/301500000000001/messages%3Fmethod=get",
        "/301500000000001/messages%23",
        "/301500000000001/messages;x=1",
        "/301500000000001/messages%",
        "/301500000000001/messages%6",
        "/301500000000001/messages%zz",
        "/301500000000001/messages%+6d",
        "/301500000000001/m\u{435}ssages",
        "/301500000000001/m%d0%b5ssages",
        "/301500000000001/messages?x",
        "/301500000000001/messages#x",
        "/301500000000001/mess ages",
        "https://graph.facebook.com/301500000000001/messages",
    ] {
        assert!(path::classify(path).is_err(), "{path}");
    }
    let long = format!("/{}", "1".repeat(path::PATH_BYTES_MAX));
    assert!(path::classify(&long).is_err());
}

#[test]
fn a_version_is_told_apart() {
    let version = |path| {
        path::classify(path)
            .unwrap()
            .version
            .map(|v| v.into_owned())
    };
    assert_eq!(version("/v23.0/1/messages").as_deref(), Some("v23.0"));
    assert_eq!(version("/v24/1").as_deref(), Some("v24"));
    assert_eq!(version("/1/messages"), None);
    assert_eq!(version("/v23.x/1"), None);
    assert_eq!(version("/v/1"), None);
}

#[test]
fn known_nodes() {
    use Access::{Read, WriteSafe, WriteTrusted, WriteUnlisted};
    for (kind, post, delete) in [
        (NodeKind::Template, WriteSafe, WriteSafe),
        (NodeKind::Flow, WriteSafe, WriteSafe),
        (NodeKind::Asset, WriteSafe, WriteSafe),
        (NodeKind::Media, WriteUnlisted, WriteSafe),
        (NodeKind::Number, WriteTrusted, WriteUnlisted),
        (NodeKind::Account, WriteTrusted, WriteUnlisted),
        (NodeKind::Unknown, WriteTrusted, WriteTrusted),
    ] {
        assert_eq!(path::node_access(&Method::GET, kind), Read);
        assert_eq!(path::node_access(&Method::POST, kind), post, "{kind:?}");
        assert_eq!(path::node_access(&Method::DELETE, kind), delete, "{kind:?}");
        assert_eq!(path::node_access(&Method::PUT, kind), WriteUnlisted);
    }
}

#[test]
fn overrides_count_and_the_strictest_holds() {
    use Access::{Gated, Read, WriteSafe, WriteTrusted, WriteUnlisted};
    type Row<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Body<'a>, Access);
    let rows: [Row<'_>; 15] = [
        ("GET", "/1/messages", "", None, Body::Empty, Read),
        (
            "GET",
            "/1/messages",
            "method=post",
            None,
            Body::Empty,
            Gated,
        ),
        (
            "GET",
            "/1/messages",
            "method=POST",
            None,
            Body::Empty,
            Gated,
        ),
        (
            "GET",
            "/1/messages",
            "a=b&method=%70ost",
            None,
            Body::Empty,
            Gated,
        ),
        ("GET", "/1/messages", "", Some("POST"), Body::Empty, Gated),
        (
            "POST",
            "/1/messages",
            "method=get",
            None,
            Body::Empty,
            Gated,
        ),
        (
            "POST",
            "/1/messages",
            "method=delete",
            None,
            Body::Empty,
            WriteUnlisted,
        ),
        (
            "POST",
            "/1/messages",
            "",
            None,
            Body::Form(b"method=delete&to=1"),
            WriteUnlisted,
        ),
        (
            "POST",
            "/1/messages",
            "",
            None,
            Body::Json(br#"{"method":"delete"}"#),
            WriteUnlisted,
        ),
        ("POST", "/1/media", "", None, Body::Empty, WriteSafe),
        (
            "POST",
            "/1/media",
            "method=delete",
            None,
            Body::Empty,
            WriteUnlisted,
        ),
        (
            "POST",
            "/1/message_templates",
            "method=delete",
            None,
            Body::Empty,
            WriteSafe,
        ),
        (
            "GET",
            "/1/subscribed_apps",
            "method=post",
            None,
            Body::Empty,
            WriteTrusted,
        ),
        ("GET", "/1/subscribed_apps", "", None, Body::Empty, Read),
        ("GET", "/", "method=post", None, Body::Empty, Gated),
    ];
    for (method, path, query, header, body, expected) in rows {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let edge = path::classify(path).unwrap().edge;
        let methods = path::methods(&method, query, header, body).unwrap();
        let access = path::strictest(&methods, |method| path::access(method, &edge));
        assert_eq!(access, expected, "{method} {path}?{query}");
    }
    for (query, header, body) in [
        ("method=purge", None, Body::Empty),
        ("Method=post", None, Body::Empty),
        ("method[]=post", None, Body::Empty),
        ("", Some("steal"), Body::Empty),
        ("batch=[]", None, Body::Empty),
        ("batch[]=x", None, Body::Empty),
        ("", None, Body::Form(b"name=offer&batch=[]")),
        (
            "",
            None,
            Body::Json(br#"{"name":"offer","batch":[]}"#.as_slice()),
        ),
        (
            "",
            None,
            Body::Json(br#"{"name":"offer","\u0062atch":[]}"#.as_slice()),
        ),
        (
            "",
            None,
            Body::Json(br#"{"name":"offer"," batch":[]}"#.as_slice()),
        ),
        (
            "",
            None,
            Body::Json(br#"{"method":"post","method":"delete"}"#.as_slice()),
        ),
        ("", None, Body::Json(br#"{"METHOD":"delete"}"#)),
        ("", None, Body::Json(br#"{"method":["delete"]}"#)),
    ] {
        assert!(
            path::methods(&Method::POST, query, header, body).is_err(),
            "{query} {header:?}"
        );
    }
}

#[test]
fn reads_of_several_nodes_name_their_ids() {
    assert_eq!(path::ids("").unwrap(), Vec::<String>::new());
    assert_eq!(path::ids("fields=id").unwrap(), Vec::<String>::new());
    assert_eq!(path::ids("ids=1,2%2C3&fields=id").unwrap(), ["1", "2", "3"]);
    assert_eq!(path::ids("id=9").unwrap(), ["9"]);
    assert_eq!(path::ids("ids=1&ids=2").unwrap(), ["1", "2"]);
    for query in ["ids=", "ids=1,,2", "ids[]=1", "ids[0]=1", "IDS=1"] {
        assert!(path::ids(query).is_err(), "{query}");
    }
    let many = vec!["1"; path::IDS_MAX + 1].join(",");
    assert!(path::ids(&format!("ids={many}")).is_err());
    assert!(path::asks_for_token("fields=id,access_token"));
    assert!(path::asks_for_token("fields=accounts%7BAccess_Token%7D"));
    assert!(!path::asks_for_token("access_token=x&fields=id"));
}

#[test]
fn an_edge_names_the_id_to_check() {
    for (path, id) in [
        ("/1/messages", Some("1")),
        ("/1/marketing_messages", Some("1")),
        ("/1/calls", Some("1")),
        ("/1", Some("1")),
        ("/1/media", Some("1")),
        ("/1/message_qrdls/2", Some("1")),
        ("/", None),
        ("/upload:x", None),
        ("/debug_token", None),
    ] {
        assert_eq!(path::classify(path).unwrap().edge.id(), id, "{path}");
    }
}

#[test]
fn no_edge_is_listed_twice_or_gated_and_listed() {
    let safe = path::SAFE.iter().map(|rule| rule.edge);
    let trusted = path::TRUSTED.iter().map(|rule| rule.edge);
    let mut all: Vec<_> = safe.chain(trusted).collect();
    for gated in ["messages", "marketing_messages", "calls"] {
        assert!(!all.contains(&gated));
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    for edge in path::DEEPER_SAFE {
        assert!(path::SAFE.iter().any(|rule| rule.edge == edge));
    }
}
