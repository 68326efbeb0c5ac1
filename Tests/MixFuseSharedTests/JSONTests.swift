// SPDX-License-Identifier: Apache-2.0
//
// Our JSON against Foundation's, the same bytes for the same values, and against the standard: what it
// has not is refused (Foundation lets some of it pass, such as a comma at the end of a list).

import Foundation
import Testing

@testable import MixFuseShared

@Suite("JSON")
struct JSONTests {
  /// All that a manifest is made of, and more.
  private struct Sample: Codable, Equatable {
    var name: String
    var numbers: [Double]
    var whole: Int64
    var unsigned: UInt64
    var flag: Bool
    var missing: Int?
    var nested: [String: [Sample]]
  }

  private static func sample(_ generator: inout SplitMix64, depth: Int) -> Sample {
    let characters: [Character] = [
      "a", "\"", "\\", "/", "\n", "\t", "\u{1}", "\u{7f}", "é", "😀", " ",
    ]
    func word() -> String {
      String(
        (0..<Int(generator.next() % 6)).map { _ in
          characters[Int(generator.next() % UInt64(characters.count))]
        })
    }
    let exponent = Double(Int(generator.next() % 40)) - 20
    var nested: [String: [Sample]] = [:]
    if depth > 0 {
      for _ in 0..<(generator.next() % 3) {
        nested[word()] = (0..<(generator.next() % 3)).map { _ in
          sample(&generator, depth: depth - 1)
        }
      }
    }
    return Sample(
      name: word(),
      numbers: [
        0, 1, -2, 0.1, Double(generator.next() % 1000) * pow(10, exponent),
        Double(bitPattern: generator.next() >> 2),
      ],
      whole: Int64(bitPattern: generator.next()), unsigned: generator.next(),
      flag: generator.next() % 2 == 0, missing: generator.next() % 2 == 0 ? nil : 3, nested: nested)
  }

  @Test("writes what Foundation writes, and reads it back")
  func roundTrip() throws {
    var generator = SplitMix64(seed: 3)
    for _ in 0..<200 {
      let sample = Self.sample(&generator, depth: 3)
      for (isPretty, formatting) in [
        (true, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]),
        (false, [.sortedKeys, .withoutEscapingSlashes] as JSONEncoder.OutputFormatting),
      ] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        let expected = try encoder.encode(sample)
        let found = try encodeJSON(sample, isPretty: isPretty)
        #expect(found == String(decoding: expected, as: UTF8.self))
        #expect(try decodeJSON(Sample.self, from: Array(found.utf8)) == sample)
      }
    }
  }

  @Test("refuses infinities and NaN")
  func notNumbers() {
    for value in [Double.infinity, -.infinity, .nan] {
      #expect(throws: EncodingError.self) { try encodeJSON([value], isPretty: false) }
    }
  }

  @Test(
    "takes what JSON has",
    arguments: [
      ("[0, -1, 2.0, 1e2, 10E-1]", [0, -1, 2, 100, 1]), (" [ ] ", []), ("[1\n,\t2\r]", [1, 2]),
    ] as [(String, [Int])])
  func accepted(_ text: String, _ expected: [Int]) throws {
    #expect(try decodeJSON([Int].self, from: Array(text.utf8)) == expected)
  }

  @Test("reads escapes")
  func escapes() throws {
    let text = #"["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]"#
    #expect(
      try decodeJSON([String].self, from: Array(text.utf8)) == ["\"\\/\u{8}\u{c}\n\r\té😀"])
  }

  @Test(
    "refuses what JSON has not",
    arguments: [
      "", " ", "[", "[1,]", "[1 2]", "[01]", "[1.]", "[.5]", "[+1]", "[1e]", "[-]", "{\"a\"}",
      "{a: 1}", "{\"a\": 1,}", "[\"\n\"]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\ud800\"]", "[tru]",
      "[1] 2", "[\"", "nul", "[NaN]", "['a']",
    ])
  func refused(_ text: String) {
    #expect(throws: DecodingError.self) { try decodeJSON([Int].self, from: Array(text.utf8)) }
  }

  @Test("refuses bytes that are no UTF-8, and nesting that would take the stack")
  func damaged() {
    #expect(throws: JSONSyntaxError(position: 4)) { try parseJSON([0x22, 0xff, 0x61, 0x22]) }
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(throws: JSONSyntaxError.self) { try parseJSON(deep) }
  }

  @Test("says where a value is not what was expected")
  func places() throws {
    let cases = [
      (#"{"name": 1}"#, "name"), (#"{"name": "", "numbers": [1, "x"]}"#, "numbers/1"),
      (#"{"name": "", "numbers": [1e999]}"#, "numbers/0"),
      (#"{"name": "", "numbers": [], "whole": 1.5}"#, "whole"),
      (#"{"name": "", "numbers": [], "whole": 99999999999999999999}"#, "whole"),
    ]
    for (text, expected) in cases {
      do {
        _ = try decodeJSON(Sample.self, from: Array(text.utf8))
        Issue.record("\(text) was accepted")
      } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context) {
        let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
        #expect(path.joined(separator: "/") == expected)
      }
    }
    #expect {
      try decodeJSON(Sample.self, from: Array("{}".utf8))
    } throws: { error in
      guard case DecodingError.keyNotFound(let key, _) = error else { return false }
      return key.stringValue == "name"
    }
  }
}
