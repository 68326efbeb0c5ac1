// SPDX-License-Identifier: Apache-2.0
//
// From JSON to whatever is `Decodable`. Faults are the standard library's, with the path to them.
//
// The protocols of the standard library ask for a method for each type of number; those are all here,
// in one line each.

/// Reads a value of a type from JSON text.
///
/// - Throws: `DecodingError`.
package func decodeJSON<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
  let json: JSONValue
  do {
    json = try parseJSON(bytes)
  } catch {
    throw DecodingError.dataCorrupted(
      .init(codingPath: [], debugDescription: "no JSON from byte \(error.position) on"))
  }
  return try Value(from: JSONSource(json: json, codingPath: []))
}

/// A place in a JSON text: what types that read themselves get.
private struct JSONSource: Decoder {
  let json: JSONValue
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let members) = json else { throw mismatch([String: Any].self) }
    return KeyedDecodingContainer(JSONMembers<Key>(members: members, codingPath: codingPath))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let elements) = json else { throw mismatch([Any].self) }
    return JSONElements(elements: elements, codingPath: codingPath)
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

  func mismatch(_ type: Any.Type) -> DecodingError {
    .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "another type"))
  }

  /// A whole number, also if it is written with a fraction of zero.
  func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
    guard case .number(let text) = json else { throw mismatch(type) }
    guard let value = Number(text) ?? Double(text).flatMap({ Number(exactly: $0) }) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: "\(text) is no \(type)"))
    }
    return value
  }

  func float<Number: BinaryFloatingPoint & LosslessStringConvertible>(
    _ type: Number.Type
  ) throws -> Number {
    guard case .number(let text) = json else { throw mismatch(type) }
    guard let value = Number(text), value.isFinite else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: "\(text) is no \(type)"))
    }
    return value
  }
}

extension JSONSource: SingleValueDecodingContainer {
  func decodeNil() -> Bool { if case .null = json { true } else { false } }
  func decode(_ type: Bool.Type) throws -> Bool {
    guard case .bool(let value) = json else { throw mismatch(type) }
    return value
  }
  func decode(_ type: String.Type) throws -> String {
    guard case .string(let value) = json else { throw mismatch(type) }
    return value
  }
  func decode(_ type: Double.Type) throws -> Double { try float(type) }
  func decode(_ type: Float.Type) throws -> Float { try float(type) }
  func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: self) }
}

/// The members of an object.
private struct JSONMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let members: [String: JSONValue]
  let codingPath: [any CodingKey]

  var allKeys: [Key] { members.keys.compactMap { Key(stringValue: $0) } }
  func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

  private func source(_ key: Key) throws -> JSONSource {
    guard let json = members[key.stringValue] else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "no such key"))
    }
    return JSONSource(json: json, codingPath: codingPath + [key])
  }

  func decodeNil(forKey key: Key) throws -> Bool { try source(key).decodeNil() }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try source(key).decode(type) }
  func decode(_ type: String.Type, forKey key: Key) throws -> String {
    try source(key).decode(type)
  }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
    try source(key).decode(type)
  }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try source(key).decode(type) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try source(key).decode(type) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try source(key).decode(type) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try source(key).decode(type) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try source(key).decode(type) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try source(key).decode(type) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try source(key).decode(type) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try source(key).decode(type) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
    try source(key).decode(type)
  }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
    try source(key).decode(type)
  }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
    try source(key).decode(type)
  }
  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try Value(from: source(key))
  }
  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> { try source(key).container(keyedBy: type) }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try source(key).unkeyedContainer()
  }
  func superDecoder() throws -> any Decoder {
    JSONSource(json: .object(members), codingPath: codingPath)
  }
  func superDecoder(forKey key: Key) throws -> any Decoder { try source(key) }
}

/// A position in an array, as a step of a path.
private struct JSONPosition: CodingKey {
  let intValue: Int?
  var stringValue: String { intValue.map(String.init) ?? "" }
  init(_ position: Int) { intValue = position }
  init?(intValue: Int) { self.intValue = intValue }
  init?(stringValue: String) { return nil }
}

/// The elements of an array, one after the other.
private struct JSONElements: UnkeyedDecodingContainer {
  let elements: [JSONValue]
  let codingPath: [any CodingKey]
  private(set) var currentIndex = 0

  init(elements: [JSONValue], codingPath: [any CodingKey]) {
    (self.elements, self.codingPath) = (elements, codingPath)
  }

  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex == elements.count }

  private func source() throws -> JSONSource {
    let path = codingPath + [JSONPosition(currentIndex)]
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        Any.self, .init(codingPath: path, debugDescription: "the array has no more elements"))
    }
    return JSONSource(json: elements[currentIndex], codingPath: path)
  }

  private mutating func next<Value>(_ read: (JSONSource) throws -> Value) throws -> Value {
    let value = try read(source())
    currentIndex += 1
    return value
  }

  mutating func decodeNil() throws -> Bool {
    guard try source().decodeNil() else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode(_ type: Bool.Type) throws -> Bool { try next { try $0.decode(type) } }
  mutating func decode(_ type: String.Type) throws -> String { try next { try $0.decode(type) } }
  mutating func decode(_ type: Double.Type) throws -> Double { try next { try $0.decode(type) } }
  mutating func decode(_ type: Float.Type) throws -> Float { try next { try $0.decode(type) } }
  mutating func decode(_ type: Int.Type) throws -> Int { try next { try $0.decode(type) } }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try next { try $0.decode(type) } }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try next { try $0.decode(type) } }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try next { try $0.decode(type) } }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try next { try $0.decode(type) } }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try next { try $0.decode(type) } }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next { try $0.decode(type) } }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next { try $0.decode(type) } }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next { try $0.decode(type) } }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next { try $0.decode(type) } }
  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next { try Value(from: $0) }
  }
  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try next { try $0.container(keyedBy: type) } }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next { try $0.unkeyedContainer() }
  }
  mutating func superDecoder() throws -> any Decoder { try next { $0 } }
}
