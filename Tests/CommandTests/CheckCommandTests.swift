// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse check` and `mixfuse format` as editors and people call them.

import Foundation
import Testing

@Suite("Checking and formatting")
struct CheckCommandTests {
  private struct Report: Decodable {
    struct Place: Decodable {
      let file: String
      let line: Int, column: Int, end_line: Int, end_column: Int
    }
    struct Message: Decodable {
      let severity: String, id: String, message: String
      let place: Place?
      let help: String?
    }
    let diagnostics: [Message]
    let suppressed_errors: Int
  }

  private static let spec = Workplace.example("maml_sinusoid.mix")

  private func broken(_ place: Workplace) throws -> String {
    let text = try String(contentsOfFile: Self.spec, encoding: .utf8)
    return try place.write(
      text.replacing("predict(theta, x_query)", with: "predict(theta, x_qeury)"), as: "bad.mix")
  }

  @Test("a spec without mistakes: nothing is said, nothing is written")
  func clean() throws {
    let place = try Workplace()
    let result = try place.run("check", Self.spec)
    #expect(result.exitCode == 0)
    #expect(result.output.isEmpty && result.errors.isEmpty)
    #expect(place.names() == ["errors", "output"])
    let json = try place.run("check", Self.spec, "--format", "json")
    #expect(json.exitCode == 0)
    let report = try JSONDecoder().decode(Report.self, from: Data(json.output.utf8))
    #expect(report.diagnostics.isEmpty && report.suppressed_errors == 0)
  }

  @Test("a mistake has its place, as text and as JSON")
  func mistake() throws {
    let place = try Workplace()
    let spec = try broken(place)
    let text = try place.run("check", spec)
    #expect(text.exitCode == 1)
    #expect(text.errors.contains("bad.mix:30:46: error: "))
    let json = try place.run("check", spec, "--format", "json")
    #expect(json.exitCode == 1)
    #expect(json.errors.isEmpty)
    let report = try JSONDecoder().decode(Report.self, from: Data(json.output.utf8))
    let message = try #require(report.diagnostics.first)
    #expect(report.diagnostics.count == 1)
    #expect(message.severity == "error" && message.help?.contains("x_query") == true)
    let found = try #require(message.place)
    #expect(found.file == spec)
    let numbers: [Int] = [found.line, found.column, found.end_line, found.end_column]
    #expect(numbers == [30, 46, 30, 53])
  }

  @Test("a file that is not there is the user's mistake, also as JSON")
  func missing() throws {
    let place = try Workplace()
    let result = try place.run("check", "nothing.mix", "--format", "json")
    #expect(result.exitCode == 1)
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    #expect(report.diagnostics.first?.message.contains("nothing.mix") == true)
  }

  @Test("sizes and float types are those of a build")
  func sizes() throws {
    let place = try Workplace()
    #expect(try place.run("check", Self.spec, "--set", "hiden=4").exitCode == 1)
    #expect(try place.run("check", Self.spec, "--set", "hidden=4", "--dtype", "f64").exitCode == 0)
  }

  @Test("format changes what needs it and lists it, --check only says so")
  func format() throws {
    let place = try Workplace()
    let good = "spec a\n// why\ndim n = 3  // three\n"
    _ = try place.write(good, as: "good.mix")
    _ = try place.write("spec  a\n// why\ndim n=3  // three", as: "bad.mix")
    let check = try place.run("format", "--check", "good.mix", "bad.mix")
    #expect(check.exitCode == 1)
    #expect(check.output == "bad.mix\n")
    #expect(place.text("bad.mix").hasPrefix("spec  a"))
    let format = try place.run("format", "good.mix", "bad.mix")
    #expect(format.exitCode == 0)
    #expect(format.output == "bad.mix\n")
    #expect(place.text("bad.mix") == good)
    let again = try place.run("format", "--check", "good.mix", "bad.mix")
    #expect(again.exitCode == 0)
    #expect(again.output.isEmpty)
  }

  @Test("a mistake in one file leaves all as they were")
  func formatMistake() throws {
    let place = try Workplace()
    _ = try place.write("spec   a", as: "one.mix")
    _ = try place.write("dim n = (", as: "two.mix")
    let result = try place.run("format", "one.mix", "two.mix")
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("two.mix:1:10: error: "))
    #expect(place.text("one.mix") == "spec   a")
    let missing = try place.run("format", "one.mix", "nothing.mix")
    #expect(missing.exitCode == 1)
    #expect(missing.errors.contains("nothing.mix"))
    #expect(place.text("one.mix") == "spec   a")
  }
}
