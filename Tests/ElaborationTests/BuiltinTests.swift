// SPDX-License-Identifier: Apache-2.0
//
// The table of built-in functions: what a row says is what calls, messages and the documentation say.

import Diagnostics
import Foundation
import Testing

@testable import Elaboration

@Suite("built-in functions")
struct BuiltinTests {
  @Test("Examples/LANGUAGE.md has the tables that the rows make")
  func described() throws {
    let text = try String(
      contentsOf: root.appending(path: "Examples/LANGUAGE.md"), encoding: .utf8)
    #expect(text.contains(Builtin.tables))
  }

  @Test("a function is found by its name, and no other has it")
  func names() {
    #expect(Set(Builtin.all.map(\.name)).count == Builtin.all.count)
    for builtin in Builtin.all { #expect(Builtin.named(builtin.name)?.summary == builtin.summary) }
    #expect(Builtin.named("negate") == nil)
  }

  /// What is said of a call in the inner loss, with its place.
  private func firstFault(of call: String) -> (id: String, text: String, place: String)? {
    let outcome = elaborated(
      ErrorCase(description: "", inner: "minimize sum(\(call))", expected: "").text)
    guard let fault = outcome.diagnostics.diagnostics.first(where: { $0.severity == .error }) else {
      return nil
    }
    let position = fault.span?.position
    return (fault.id, fault.text, "\(position?.line ?? 0):\(position?.column ?? 0)")
  }

  @Test("keywords that a function does not have", arguments: Builtin.all.map(\.name))
  func unknownKeyword(name: String) throws {
    let fault = try #require(firstFault(of: "\(name)(unheard_of: x)"))
    #expect(fault.id == "call.unknown")
    #expect(fault.text == "\(name) has no parameter called unheard_of")
    #expect(fault.place == "8:\(17 + name.count)")
  }

  @Test("arguments too many", arguments: Builtin.all.filter { $0.variadic == nil }.map(\.name))
  func tooMany(name: String) throws {
    let count = try #require(Builtin.named(name)).parameters.count
    let arguments = [String](repeating: "x", count: count + 1).joined(separator: ", ")
    let fault = try #require(firstFault(of: "\(name)(\(arguments))"))
    #expect(fault.id == "call.count")
    #expect(fault.text.hasPrefix("\(name) takes at most \(count) argument"))
    #expect(fault.place == "8:\(17 + name.count + 3 * count)")
  }

  @Test("arguments that are missing", arguments: Builtin.all.map(\.name))
  func missing(name: String) throws {
    let parameters = try #require(Builtin.named(name)).parameters
    for (index, parameter) in parameters.enumerated() where parameter.fallback == nil {
      let others = parameters.prefix(index).map { _ in "x" }.joined(separator: ", ")
      let fault = try #require(firstFault(of: "\(name)(\(others))"))
      #expect(fault.id == "call.missing")
      #expect(fault.text == "\(name) needs an argument for \(parameter.name)")
      #expect(fault.place == "8:16")
    }
  }

  @Test(
    "a slip of the pen is answered with the function's name", arguments: Builtin.all.map(\.name))
  func misspelt(name: String) throws {
    let outcome = elaborated(
      ErrorCase(description: "", inner: "minimize sum(\(name)_(x))", expected: "").text)
    #expect(outcome.errors.contains("there is no function called \(name)_ [name.function]"))
    #expect(outcome.errors.contains("help: did you mean \(name)?"))
  }
}
