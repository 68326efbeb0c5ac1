// SPDX-License-Identifier: Apache-2.0
//
// The border between deciding and printing, held in the sources: the scheduler asks `Kernels`, not a
// back end through closures; numbers about machines are in one folder; each kernel's text is written
// at one place.

import Foundation
import Testing

@Suite("Kernel border")
struct KernelBorderTests {
  // MARK: Closures

  @Test(
    "nothing that the scheduler hands on or takes is a closure",
    arguments: ["Kernels", "Scheduling"])
  func closures(_ target: String) throws {
    for file in try Repository.files(
      under: Repository.file("Sources/\(target)"), extension: "swift")
    {
      for declaration in Self.declarations(in: try Self.code(of: file)) {
        // Dumps and verifiers look on; what they see changes nothing.
        let declaration = declaration.replacing(/observe: \([^)]*\) throws -> Void/, with: "")
        #expect(
          !Self.hasClosureType(declaration), "\(file.lastPathComponent): \(declaration)")
      }
    }
  }

  @Test("closure types are found in declarations of all kinds")
  func closureDetection() {
    let withClosures = [
      "package var scratchBytes: @Sendable (Kernel.Body) -> Int",
      "package init( options: Int, scratchBytes: @escaping @Sendable (Kernel.Body) -> Int, more: Int = 0)",
      "package func make(_ a: Int) -> (Int) -> Int", "package let all: [(Int) throws -> Int]",
      "package typealias Answer = (Int) -> Int",
    ]
    for declaration in withClosures { #expect(Self.hasClosureType(declaration), "\(declaration)") }
    for declaration in [
      "package func plan(_ shape: ContractionShape) -> ContractionPlan",
      "package var all: [(part: String, plan: Int)]", "package init(_ a: Int)",
      "package static func == (lhs: Self, rhs: Self) -> Bool",
    ] {
      #expect(!Self.hasClosureType(declaration), "\(declaration)")
    }
    let text = "package struct A {\n  package var a: Int { 1 }\n  var b: (Int) -> Int\n}"
    #expect(Self.declarations(in: text) == ["package struct A", "package var a: Int"])
  }

  /// Whether a declaration mentions a function type: an arrow in a type, or a second one in a function.
  private static func hasClosureType(_ declaration: String) -> Bool {
    let isFunction = declaration.contains(/\b(?:func|init|subscript)\b/)
    var (depth, arrows) = (0, 0)
    var previous: Character = " "
    for character in declaration {
      if "([".contains(character) { depth += 1 }
      if ")]".contains(character) { depth -= 1 }
      if previous == "-", character == ">" {
        if depth > 0 || !isFunction { return true }
        arrows += 1
      }
      previous = character
    }
    return arrows > 1
  }

  /// The declarations of a file that other targets see, on one line each, without bodies and values.
  private static func declarations(in code: String) -> [String] {
    let starts = code.matches(of: /\b(?:package|public) (?!import)/)
    return starts.map { start in
      var (text, depth) = ("", 0)
      let rest = Array(code[start.range.lowerBound...])
      for (index, character) in rest.enumerated() {
        if "([".contains(character) { depth += 1 }
        if ")]".contains(character) { depth -= 1 }
        let isValue =
          character == "=" && rest[index - 1] == " " && rest[index + 1] != "="
          && !text.contains("typealias")
        if depth == 0, character == "{" || character.isNewline || isValue { break }
        text.append(character)
      }
      return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
  }

  // MARK: Machines

  /// Numbers that say nothing about a machine, by file: how often they occur there, and what they are.
  private static let excused: [String: (count: Int, reason: String)] = [
    "SumBlocks.swift": (3, "terms of sums, for accuracy"),
    "ShareLoopValues.swift": (1, "a ratio of sizes"),
    "LoopIR.swift": (1, "bytes of the record of faults, part of the interface"),
    "AssignAddresses.swift": (1, "alignment of arenas, part of the interface"),
  ]

  @Test("numbers about machines are in Machine's folder")
  func machineConstants() throws {
    let targets = ["CEmission", "Differentiation", "Kernels", "Optimization", "Scheduling"]
    var found: [String: [String]] = [:]
    for target in targets {
      let folder = Repository.file("Sources/\(target)")
      for file in try Repository.files(under: folder, extension: "swift")
      where !file.path.contains("/Kernels/Machine/") {
        let lines = Self.machineConstants(in: try Self.code(of: file))
        if !lines.isEmpty { found[file.lastPathComponent, default: []] += lines }
      }
    }
    for (file, lines) in found {
      #expect(lines.count == Self.excused[file]?.count ?? 0, "\(file): \(lines)")
    }
    for (file, excuse) in Self.excused {
      #expect(found[file]?.count == excuse.count, "\(file) is excused for \(excuse.reason)")
    }
  }

  @Test("numbers about machines are found where they were")
  func machineConstantDetection() {
    let lines = [
      "static let loopNestWork = 2_000_000", "static let columns = 1 << 14",
      "let isAwkward = stride % 2048 == 0", "let width = 64 / widest",
      "groups = max(1, min(count, (2 << 20) / groupBytes))", "private let cacheBytes = 64",
      "let room = machine.secondCacheBytes * 7 / 8",
      "laneSlot = machine.vectorBytes == 64 ? 1 : 0.5",
    ]
    for line in lines { #expect(!Self.machineConstants(in: line).isEmpty, "\(line)") }
    for line in [
      "let share = (count + limit - 1) / limit", "let pi = 1.1283791670955126", "var count = 0",
      "let width = machine.lanes(element)",
    ] {
      #expect(Self.machineConstants(in: line).isEmpty, "\(line)")
    }
  }

  /// Lines with a size in bytes (a shift, a number of four digits or more, a cache line), with a number
  /// for a cache, a register, a worker or a threshold, or with a ratio of one.
  private static func machineConstants(in code: String) -> [String] {
    code.split(whereSeparator: \.isNewline).map(String.init).filter { line in
      line.contains(/\d << \d/) || line.contains(/(?:^|[^.\w])[1-9][\d_]{3,}\b/)
        || line.contains(/\b(?:16|32|64) \/ \w|\/ (?:16|32|64)\b/)
        || line.contains(
          /(?:[Bb]ytes|[Cc]ache|[Tt]hreshold|[Rr]egisters|[Ll]anes|[Cc]ores|[Ww]orkers|[Aa]lignment)\w*(?:: \w+)? (?:=|==|<|>|<=|>=|\*|\/) [2-9]/
        )
        || line.contains(
          /(?:[Cc]ache|[Tt]hreshold|[Rr]egisters|[Cc]ores|[Ww]orkers|[Vv]ectorBytes|[Aa]lignment)\w*(?:: \w+)? (?:=|==|<|>|<=|>=|\*|\/) 1\d/
        )
    }
  }

  // MARK: Texts

  @Test("the text of a kernel is written at one place, and that of a tile product at another")
  func texts() throws {
    var calls: [String] = []
    for file in try Repository.files(under: Repository.file("Sources"), extension: "swift") {
      for line in try Self.code(of: file).split(whereSeparator: \.isNewline)
      where line.contains(/\bemit(?:Contraction|Attention|Packing)\(/) && !line.contains("func ") {
        calls.append("\(file.lastPathComponent): \(line.trimmingCharacters(in: .whitespaces))")
      }
    }
    #expect(
      calls.sorted() == [
        "AttentionKernel.swift: emitContraction(product, named: \"\\(name)_\\(part)\")",
        "LibraryText.swift: text = emitAttention(plan, named: kernelName)",
        "LibraryText.swift: text = emitContraction(plan, named: kernelName)",
        "LibraryText.swift: text = emitPacking(plan, named: kernelName)",
      ])
  }

  // MARK: Reading

  /// A file without its comments.
  private static func code(of file: URL) throws -> String {
    try String(contentsOf: file, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? String(line) }
      .joined(separator: "\n")
  }
}
