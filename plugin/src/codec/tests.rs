use proptest::prelude::*;
use rmpv::Value as Msgpack;
use serde_json::json;

use super::*;

fn number(text: &str) -> Value {
    Value::Number(serde_json::from_str(text).unwrap())
}

fn packed(message: &Msgpack) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, message).unwrap();
    bytes
}

fn read(message: &Msgpack, ty: &Type) -> Result<Value, CodecErrorReason> {
    msgpack::decode(&packed(message), ty)
        .map(|decoded| decoded.value)
        .map_err(|error| error.reason)
}

fn written(value: &Value, ty: &Type) -> Msgpack {
    let bytes = msgpack::encode(value, ty, &DynamicTypes::default()).unwrap();
    rmpv::decode::read_value(&mut bytes.as_slice()).unwrap()
}

#[test]
fn unknowns_plain_and_refined() {
    assert_eq!(read(&Msgpack::Ext(0, vec![0]), &Type::String), Ok(Value::Unknown));
    // A refinement: {1: false}, "not null".
    assert_eq!(
        read(&Msgpack::Ext(12, vec![0x81, 0x01, 0xc2]), &Type::list(Type::String)),
        Ok(Value::Unknown)
    );
    assert_eq!(
        read(&Msgpack::Ext(5, vec![0]), &Type::String),
        Err(CodecErrorReason::Extension(5))
    );
    assert_eq!(written(&Value::Unknown, &Type::Number), Msgpack::Ext(0, vec![0]));
}

#[test]
fn numbers_keep_every_digit() {
    let cases = [
        ("12", Msgpack::from(12)),
        ("-7", Msgpack::from(-7)),
        ("100000.0", Msgpack::from(100_000)),
    ];
    for (text, expected) in cases {
        assert_eq!(written(&number(text), &Type::Number), expected, "{text}");
    }
    for text in [
        "0.1",
        "12345678901234567890123",
        "9223372036854775808",
        "-0.30000000000000004",
    ] {
        assert_eq!(written(&number(text), &Type::Number), Msgpack::from(text));
        assert_eq!(read(&Msgpack::from(text), &Type::Number), Ok(number(text)));
    }
    assert_eq!(read(&Msgpack::from(0.5), &Type::Number), Ok(number("0.5")));
    assert_eq!(
        read(&Msgpack::from(f64::INFINITY), &Type::Number),
        Err(CodecErrorReason::Number)
    );
    assert_eq!(
        read(&Msgpack::from("12x"), &Type::Number),
        Err(CodecErrorReason::Number)
    );
    assert_eq!(
        read(&Msgpack::from(u64::MAX), &Type::Number),
        Ok(Value::Number(u64::MAX.into()))
    );
}

#[test]
fn dynamic_values_go_back_in_the_type_they_came_in() {
    let message = Msgpack::Array(vec![
        Msgpack::Binary(br#"["list","string"]"#.to_vec()),
        Msgpack::Array(vec![Msgpack::from("a")]),
    ]);
    let decoded = msgpack::decode(&packed(&message), &Type::Dynamic).unwrap();
    assert_eq!(decoded.value, Value::from(vec!["a"]));
    let again = msgpack::encode(&decoded.value, &Type::Dynamic, &decoded.types).unwrap();
    assert_eq!(again, packed(&message));
    // A value that no longer fits the type shows its own.
    let other = msgpack::encode(&Value::from(true), &Type::Dynamic, &decoded.types).unwrap();
    assert_eq!(
        msgpack::decode(&other, &Type::Dynamic).unwrap().value,
        Value::from(true)
    );
}

#[test]
fn objects_are_complete_and_closed() {
    let ty = Type::object([("a", Type::String), ("b", Type::Bool)]);
    let value = Value::map([("a", Value::from("x"))]);
    let expected = Msgpack::Map(vec![("a".into(), "x".into()), ("b".into(), Msgpack::Nil)]);
    assert_eq!(written(&value, &ty), expected);

    let extra = Value::map([("c", Value::Null)]);
    let error = msgpack::encode(&extra, &ty, &DynamicTypes::default()).unwrap_err();
    assert_eq!(error.reason, CodecErrorReason::ExtraAttribute("c".into()));

    let twice = Msgpack::Map(vec![("a".into(), "x".into()), ("a".into(), "y".into())]);
    assert_eq!(read(&twice, &ty), Err(CodecErrorReason::DuplicateKey));
}

#[test]
fn errors_name_the_place() {
    let ty = Type::object([("a", Type::list(Type::map(Type::Number)))]);
    let inner = Msgpack::Map(vec![("k".into(), Msgpack::Boolean(true))]);
    let message = Msgpack::Map(vec![("a".into(), Msgpack::Array(vec![inner]))]);
    let error = msgpack::decode(&packed(&message), &ty).unwrap_err();
    assert_eq!(error.to_string(), r#"a[0]["k"]: expected number, found a bool"#);
}

#[test]
fn forged_lengths_and_depths_are_refused() {
    // array32 of 2^32-1 elements in a message of 6 bytes
    let huge = [0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0];
    let error = msgpack::decode(&huge, &Type::list(Type::String)).unwrap_err();
    assert_eq!(error.reason, CodecErrorReason::Truncated);

    // ["dynamic", ["dynamic", [...]]] a thousand levels deep
    let mut deep = Vec::new();
    for _ in 0..1000 {
        deep.push(0x92);
        deep.extend_from_slice(&[0xc4, 9]);
        deep.extend_from_slice(br#""dynamic""#);
    }
    deep.push(0xc0);
    assert_eq!(
        msgpack::decode(&deep, &Type::Dynamic).unwrap_err().reason,
        CodecErrorReason::TooDeep
    );

    assert_eq!(
        msgpack::decode(&[0xc0, 0xc0], &Type::String).unwrap_err().reason,
        CodecErrorReason::TrailingBytes
    );
    assert_eq!(
        msgpack::decode(&[0xc1], &Type::String).unwrap_err().reason,
        CodecErrorReason::Marker(0xc1)
    );
    assert_eq!(
        msgpack::decode(&[0xa1, 0xff], &Type::String).unwrap_err().reason,
        CodecErrorReason::Utf8
    );
}

#[test]
fn too_many_values_are_refused() {
    let count = u32::try_from(MAX_NODES).unwrap();
    let mut bytes = vec![0xdd];
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.resize(bytes.len() + MAX_NODES, 0xc0);
    assert_eq!(
        msgpack::decode(&bytes, &Type::list(Type::String)).unwrap_err().reason,
        CodecErrorReason::TooLarge
    );
}

#[test]
fn json_of_a_state_file() {
    let ty = Type::object([("n", Type::Number), ("any", Type::Dynamic), ("gone", Type::String)]);
    let state = json!({"n": "12", "any": {"type": ["set", "string"], "value": ["a"]}, "old": 1});
    let decoded = decode_json(&state, &ty, Unknowns::Drop).unwrap();
    let expected = Value::map([
        ("n", number("12")),
        ("any", Value::from(vec!["a"])),
        ("gone", Value::Null),
    ]);
    assert_eq!(decoded.value, expected);
    let error = decode_json(&state, &ty, Unknowns::Refuse).unwrap_err();
    assert_eq!(error.reason, CodecErrorReason::ExtraAttribute("old".into()));
}

#[test]
fn an_absent_message_is_null() {
    assert_eq!(decode(None, &Type::String).unwrap().value, Value::Null);
    let json = wire::DynamicValue {
        json: b"true".to_vec(),
        msgpack: Vec::new(),
    };
    assert_eq!(decode(Some(&json), &Type::Bool).unwrap().value, Value::Bool(true));
}

fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::String),
        Just(Type::Number),
        Just(Type::Bool),
        Just(Type::Dynamic)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::btree_map("[a-z]{1,4}", inner.clone(), 0..4).prop_map(Type::Object),
            prop::collection::vec(inner, 0..4).prop_map(Type::Tuple),
        ]
    })
}

fn value_of(ty: &Type) -> BoxedStrategy<Value> {
    let known: BoxedStrategy<Value> = match ty {
        Type::String => ".{0,40}".prop_map(Value::String).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => prop_oneof![
            any::<i64>().prop_map(|int| Value::Number(int.into())),
            "-?[1-9][0-9]{0,30}(\\.[0-9]{0,20}[1-9])?".prop_map(|text| number(&text)),
        ]
        .boxed(),
        // Known dynamic values are primitive here: a bare list has no type of its own to come back in.
        Type::Dynamic => prop_oneof![value_of(&Type::Bool), value_of(&Type::Number)].boxed(),
        Type::List(element) | Type::Set(element) => prop::collection::vec(value_of(element), 0..4)
            .prop_map(Value::List)
            .boxed(),
        Type::Map(element) => prop::collection::btree_map(".{0,6}", value_of(element), 0..4)
            .prop_map(Value::Map)
            .boxed(),
        Type::Tuple(types) => types
            .iter()
            .map(value_of)
            .collect::<Vec<_>>()
            .prop_map(Value::List)
            .boxed(),
        Type::Object(attributes) => {
            let members: Vec<_> = attributes
                .iter()
                .map(|(name, ty)| (Just(name.clone()), value_of(ty)))
                .collect();
            members
                .prop_map(|members| Value::Map(members.into_iter().collect()))
                .boxed()
        }
    };
    prop_oneof![8 => known, 1 => Just(Value::Null), 1 => Just(Value::Unknown)].boxed()
}

proptest! {
    #[test]
    fn msgpack_round_trip(
        (ty, value) in any_type().prop_flat_map(|ty| { let value = value_of(&ty); (Just(ty), value) })
    ) {
        let bytes = msgpack::encode(&value, &ty, &DynamicTypes::default()).unwrap();
        let decoded = msgpack::decode(&bytes, &ty).unwrap();
        prop_assert_eq!(&decoded.value, &value);
        // An independent reader agrees that this is one whole msgpack value.
        let mut rest = bytes.as_slice();
        rmpv::decode::read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        // And so does every prefix fail instead of panicking.
        for cut in 0..bytes.len() {
            prop_assert!(msgpack::decode(&bytes[..cut], &ty).is_err());
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), ty in any_type()) {
        let _ = msgpack::decode(&bytes, &ty);
    }
}
