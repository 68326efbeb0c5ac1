// SPDX-License-Identifier: Apache-2.0
//
// Specs and surroundings that would exhaust something: the stack, 64 bits, file descriptors, the
// terminal. Each ends with a diagnostic of the user's kind, never with a crash.

import Foundation
import Testing

@Suite("hostile specs")
struct HostileSpecTests {
  /// A spec around an inner loss.
  private static func spec(_ loss: String, before: String = "", statements: String = "") -> String {
    """
    spec hostile
    \(before)
    params theta { a: [4] ~ ones }
    meta m: [] ~ ones
    inner(x: [4]) { \(statements)
      minimize \(loss) by sgd(rate: 0.1) for 1 }
    outer { minimize sum(theta.a) }
    """
  }

  private static func loops(_ count: Int, of trips: Int) -> String {
    "var s = sum(theta.a * m * x) "
      + (0..<count).map { "for i\($0) in \(trips) { " }.joined() + "s = s * 1.1 "
      + String(repeating: "} ", count: count)
  }

  @Test(
    "what is too deep or too large is refused where it stands",
    arguments: [
      ("sum(theta.a)" + String(repeating: " + 1.5", count: 30_000), "", "", "syntax.depth"),
      ("sum(theta.a" + String(repeating: "[0:4]", count: 12_000) + ")", "", "", "syntax.depth"),
      (
        String(repeating: "(", count: 10_000) + "1" + String(repeating: ")", count: 10_000), "", "",
        "syntax.nesting"
      ),
      (String(repeating: "-", count: 10_000) + "m", "", "", "syntax.nesting"),
      (
        (0..<5000).map { "if m > \($0) then 1.0 else " }.joined() + "m", "", "", "syntax.nesting"
      ),
      ("s", "", loops(1, of: 1 << 62), "type.kind"),
      ("s", "", loops(3, of: Int(Int32.max)), "program.size"),
    ])
  func refused(loss: String, before: String, statements: String, id: String) throws {
    let place = try Workplace()
    let spec = try place.write(
      Self.spec(loss, before: before, statements: statements), as: "hostile.mix")
    let result = try place.run("build", spec, "-o", place.file("out"), "--no-cache")
    #expect(result.exitCode == 1, "\(result.errors.prefix(2000))")
    #expect(result.errors.contains("[\(id)]"))
    #expect(result.errors.utf8.count < 5000)
    #expect(place.names(in: "out").isEmpty)
  }

  /// The most kernel calls in one function of a C text, of those whose first line begins so.
  private static func longestCallList(_ text: String, after start: String = "") -> Int {
    var longest = 0
    var count: Int?
    for line in text.split(separator: "\n") {
      if !line.hasPrefix(" ") && line.contains("(") && !line.hasPrefix("//") {
        count = line.hasPrefix(start) ? 0 : nil
      }
      let call = line.drop { $0 == " " }
      guard let calls = count, call.hasPrefix("mf_share_out(") || call.contains(/^k[0-9]+\(/) else {
        continue
      }
      count = calls + 1
      longest = max(longest, calls + 1)
    }
    return longest
  }

  @Test(
    "what is within the limits is compiled, in time that does not double with each level",
    .timeLimit(.minutes(4)),
    arguments: [
      ("sum(theta.a) * m" + (0..<6000).map { " + \($0).5" }.joined(), "", ""),
      (
        "sum(theta.a * m)" + (0..<1000).map { " + sum(sin(theta.a * \($0).5))" }.joined(), "", ""
      ),
      ("s", "", loops(20, of: 2)),
    ])
  func compiled(loss: String, before: String, statements: String) throws {
    let place = try Workplace()
    let spec = try place.write(
      Self.spec(loss, before: before, statements: statements), as: "hostile.mix")
    let result = try place.run("dump", spec, "--stage", "c", "--entry", "meta_gradient")
    #expect(result.exitCode == 0, "\(result.errors.prefix(2000))")
    // No function names more arrays on its stack than those of so many calls.
    #expect(Self.longestCallList(result.output) <= 128)
    #expect(Self.longestCallList(result.output, after: "MF_CALL_LIST") <= 32)
  }

  @Test("functions that call each other twice: once for equal arguments, and not without end")
  func doubledCalls() throws {
    func functions(_ levels: Int, _ second: String) -> String {
      "func f0(x: [4]) -> [4] { return sin(x) }\n"
        + (1...levels).map {
          "func f\($0)(x: [4]) -> [4] { return f\($0 - 1)(x) + f\($0 - 1)(\(second)) }\n"
        }.joined()
    }
    let place = try Workplace()
    let equal = try place.write(
      Self.spec("sum(f60(theta.a) * m)", before: functions(60, "x")), as: "equal.mix")
    let dumped = try place.run("dump", equal, "--stage", "ir")
    #expect(dumped.exitCode == 0, "\(dumped.errors.prefix(2000))")
    let different = try place.write(
      Self.spec("sum(f60(theta.a) * m)", before: functions(60, "x + 1")), as: "different.mix")
    let refused = try place.run("dump", different, "--stage", "ir")
    #expect(refused.exitCode == 1 && refused.errors.contains("[call.limit]"))
  }

  @Test("too few file descriptors are an error", arguments: [5, 8, 12])
  func fewFiles(limit: Int) throws {
    let place = try Workplace()
    let spec = try place.write(Self.spec("sum(square(theta.a) * m * x)"), as: "files.mix")
    let result = try place.run("build", spec, "-o", place.file("out"), "--no-cache")
    #expect(result.exitCode == 0)
    let limited = try place.run(
      ["build", spec, "-o", place.file("none"), "--no-cache"],
      by: "ulimit -n \(limit); exec \"$@\"")
    #expect(limited.exitCode == 1, "\(limited.errors.prefix(2000))")
    #expect(limited.errors.contains("too many open files"))
    #expect(place.names(in: "none").isEmpty)
  }

  @Test("numbers that no array holds: an initialiser is refused, a constant becomes an infinity")
  func infinities() throws {
    let place = try Workplace()
    let constant = try place.write(
      Self.spec("sum(square(theta.a) * m * x) + sum(if x > 1e9 then -1e39 else theta.a)"),
      as: "constant.mix")
    let built = try place.run("build", constant, "-o", place.file("out"), "--no-cache")
    #expect(built.exitCode == 0, "\(built.errors)")
    #expect(place.text("out/hostile.c").contains("-__builtin_inff()"))
    let start = try place.write(
      Self.spec("sum(theta.a)").replacing("m: [] ~ ones", with: "m: [] ~ constant(-1/0)"),
      as: "start.mix")
    let refused = try place.run("build", start, "-o", place.file("none"))
    #expect(refused.exitCode == 1)
    #expect(refused.errors.contains("start.mix:4:23: error: an argument of constant must be"))
  }

  @Test("the name of a spec's file is text in the C, whatever it is")
  func fileName() throws {
    let place = try Workplace()
    for name in ["a\nint injected;\n.mix", "b\\", "c\u{1B}[31m.mix", "d\r.mix"] {
      let spec = try place.write(Self.spec("sum(square(theta.a) * m * x)"), as: name)
      let result = try place.run("build", spec, "-o", place.file("out"), "--no-cache")
      #expect(result.exitCode == 0, "\(result.errors)")
      for file in ["out/hostile.c", "out/hostile.h"] {
        let lines = place.text(file).split(separator: "\n")
        #expect(!lines.contains { $0.hasPrefix("int injected") })
        #expect(lines[1].hasPrefix("// This file is yours"))
        #expect(!place.text(file).contains("\u{1B}") && !place.text(file).contains("\r"))
        #expect(!lines.contains { $0.hasSuffix("\\") && $0.hasPrefix("//") })
      }
    }
    // Nor does a flag reach the terminal as it is.
    let spec = try place.write(Self.spec("sum(theta.a)"), as: "plain.mix")
    for flags in [["--set", "\u{1B}[2Jn=3"], ["--\u{1B}[2J"]] {
      let result = try place.result(
        of: {
          let process = try place.start(["build", spec] + flags)
          process.waitUntilExit()
          return process
        }())
      #expect(result.exitCode == 1)
      #expect(!result.errors.contains("\u{1B}"))
    }
  }
}
