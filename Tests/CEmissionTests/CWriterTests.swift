// SPDX-License-Identifier: Apache-2.0
//
// The writer of C breaks long lines where the C stays the same.

import Testing

@testable import CEmission

@Suite("The writer of C")
struct CWriterTests {
  private static func lines(_ content: String) -> [String] {
    var writer = CWriter()
    writer.block("void f(void)") { $0.line(content) }
    return writer.text.split(separator: "\n").dropFirst().dropLast().map(String.init)
  }

  private static let sum = (1...30).map { "term\($0)" }.joined(separator: " + ")

  @Test("a long statement goes on below, indented, with all its words")
  func statement() {
    let lines = Self.lines("const float x = \(Self.sum);")
    #expect(lines.count == 3 && lines.allSatisfy { $0.count <= 100 })
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("      term") || $0.hasPrefix("      +") })
    let words = lines.joined(separator: " ").split(separator: " ")
    #expect(words.joined(separator: " ") == "const float x = \(Self.sum);")
  }

  @Test("a comment goes on as a comment; one behind code stays whole")
  func comments() {
    #expect(Self.lines("// \(Self.sum)").allSatisfy { $0.hasPrefix("  //") && $0.count <= 100 })
    let code = "float *const " + String(repeating: "a", count: 70) + " = arena;"
    #expect(Self.lines("\(code)  // f32[10, 40, 50]") == ["  \(code)", "      // f32[10, 40, 50]"])
  }

  @Test("no break within strings, directives, or after what joins lines")
  func unbroken() {
    for line in ["puts(\"\(Self.sum)\");", "#define sum \(Self.sum)"] {
      #expect(Self.lines(line) == ["  " + line])
    }
    let joining = "// " + String(repeating: "a\\ b??/ ", count: 20)
    #expect(Self.lines(joining).allSatisfy { !$0.hasSuffix("\\") && !$0.hasSuffix("??/") })
    let word = "// " + String(repeating: "a", count: 200)
    #expect(Self.lines(word) == ["  " + word])
  }
}
