// SPDX-License-Identifier: Apache-2.0
//
// From whatever is `Encodable` to JSON.
//
// The protocols of the standard library ask for a method for each type of number; those are all here,
// in one line each.

/// Writes a value as JSON text; see `jsonText`.
///
/// - Throws: `EncodingError` for numbers that JSON has not: infinities and NaN.
package func encodeJSON(_ value: some Encodable, isPretty: Bool) throws -> String {
  let target = JSONTarget(codingPath: [])
  try value.encode(to: target)
  return jsonText(target.json.value, isPretty: isPretty)
}

/// What is being written, filled in from several containers.
private final class JSONBuilder {
  private enum Content {
    case value(JSONValue)
    case array([JSONBuilder])
    case object([String: JSONBuilder])
  }
  private var content = Content.value(.object([:]))

  var value: JSONValue {
    switch content {
    case .value(let value): value
    case .array(let elements): .array(elements.map(\.value))
    case .object(let members): .object(members.mapValues(\.value))
    }
  }

  func set(_ value: JSONValue) { content = .value(value) }

  func beginObject() { if case .object = content {} else { content = .object([:]) } }

  func beginArray() { if case .array = content {} else { content = .array([]) } }

  func member(_ key: String) -> JSONBuilder {
    guard case .object(var members) = content else { return JSONBuilder() }
    let member = members[key] ?? JSONBuilder()
    members[key] = member
    content = .object(members)
    return member
  }

  func element() -> JSONBuilder {
    guard case .array(var elements) = content else { return JSONBuilder() }
    let element = JSONBuilder()
    elements.append(element)
    content = .array(elements)
    return element
  }

  var count: Int { if case .array(let elements) = content { elements.count } else { 0 } }
}

/// A place to write to: what types that write themselves get.
private struct JSONTarget: Encoder {
  var json = JSONBuilder()
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    json.beginObject()
    return KeyedEncodingContainer(JSONMemberTarget<Key>(target: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    json.beginArray()
    return JSONElementTarget(target: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  /// The shortest digits that give the number back, without a fraction of zero.
  func write<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ value: Number) throws {
    guard value.isFinite else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: codingPath, debugDescription: "JSON has no \(value)"))
    }
    let text = value.description
    json.set(.number(text.hasSuffix(".0") ? String(text.dropLast(2)) : text))
  }
}

extension JSONTarget: SingleValueEncodingContainer {
  func encodeNil() { json.set(.null) }
  func encode(_ value: Bool) { json.set(.bool(value)) }
  func encode(_ value: String) { json.set(.string(value)) }
  func encode(_ value: Double) throws { try write(value) }
  func encode(_ value: Float) throws { try write(value) }
  func encode(_ value: Int) { json.set(.number(String(value))) }
  func encode(_ value: Int8) { json.set(.number(String(value))) }
  func encode(_ value: Int16) { json.set(.number(String(value))) }
  func encode(_ value: Int32) { json.set(.number(String(value))) }
  func encode(_ value: Int64) { json.set(.number(String(value))) }
  func encode(_ value: UInt) { json.set(.number(String(value))) }
  func encode(_ value: UInt8) { json.set(.number(String(value))) }
  func encode(_ value: UInt16) { json.set(.number(String(value))) }
  func encode(_ value: UInt32) { json.set(.number(String(value))) }
  func encode(_ value: UInt64) { json.set(.number(String(value))) }
  func encode<Value: Encodable>(_ value: Value) throws { try value.encode(to: self) }
}

/// An object that is being written.
private struct JSONMemberTarget<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let target: JSONTarget
  var codingPath: [any CodingKey] { target.codingPath }

  private func member(_ key: Key) -> JSONTarget {
    JSONTarget(json: target.json.member(key.stringValue), codingPath: codingPath + [key])
  }

  func encodeNil(forKey key: Key) { member(key).encodeNil() }
  func encode(_ value: Bool, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: String, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int8, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int16, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int32, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int64, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt8, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt16, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt32, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt64, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Double, forKey key: Key) throws { try member(key).encode(value) }
  func encode(_ value: Float, forKey key: Key) throws { try member(key).encode(value) }
  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try value.encode(to: member(key))
  }
  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> { member(key).container(keyedBy: type) }
  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    member(key).unkeyedContainer()
  }
  func superEncoder() -> any Encoder { target }
  func superEncoder(forKey key: Key) -> any Encoder { member(key) }
}

/// An array that is being written.
private struct JSONElementTarget: UnkeyedEncodingContainer {
  let target: JSONTarget
  var codingPath: [any CodingKey] { target.codingPath }
  var count: Int { target.json.count }

  private func element() -> JSONTarget {
    JSONTarget(json: target.json.element(), codingPath: codingPath)
  }

  func encodeNil() { element().encodeNil() }
  func encode(_ value: Bool) { element().encode(value) }
  func encode(_ value: String) { element().encode(value) }
  func encode(_ value: Int) { element().encode(value) }
  func encode(_ value: Int8) { element().encode(value) }
  func encode(_ value: Int16) { element().encode(value) }
  func encode(_ value: Int32) { element().encode(value) }
  func encode(_ value: Int64) { element().encode(value) }
  func encode(_ value: UInt) { element().encode(value) }
  func encode(_ value: UInt8) { element().encode(value) }
  func encode(_ value: UInt16) { element().encode(value) }
  func encode(_ value: UInt32) { element().encode(value) }
  func encode(_ value: UInt64) { element().encode(value) }
  func encode(_ value: Double) throws { try element().encode(value) }
  func encode(_ value: Float) throws { try element().encode(value) }
  func encode<Value: Encodable>(_ value: Value) throws { try value.encode(to: element()) }
  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> { element().container(keyedBy: type) }
  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { element().unkeyedContainer() }
  func superEncoder() -> any Encoder { element() }
}
