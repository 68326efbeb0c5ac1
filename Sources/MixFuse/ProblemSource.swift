// SPDX-License-Identifier: Apache-2.0
//
// A problem from a file of graphs in place of a spec: `build NAME.graphs`. Such a file is known by its
// name or its first word; its sizes are fixed, its float type is not.

import Diagnostics
import Foundation
import MixFuseShared
import TensorIR

/// The bytes of a file of graphs.
struct ProblemSource: Sendable {
  private let file: SourceFile
  /// The bytes, for digests.
  var bytes: [UInt8] { file.bytes }

  /// A file of more bytes than this is taken for another kind of file.
  private static let longestFile = 1 << 28
  private static let suffix = ".graphs"

  /// The file if it is one of graphs; nil if it is anything else, or nothing at all.
  init?(path: String) {
    guard let bytes = readRegularFile(path, limit: Self.longestFile),
      path.hasSuffix(Self.suffix) || ProblemFile.isProblem(bytes)
    else { return nil }
    file = SourceFile(name: path, text: String(decoding: bytes, as: UTF8.self))
  }

  /// The float type that the problem is written with, if its header says so.
  var dtype: DType? { try? ProblemFile.dtype(of: text) }

  /// The problem, built for a float type; nil after an error.
  func problem(
    dims: [String: Int], preset: String?, dtype: DType, diagnostics: DiagnosticCollector
  ) -> ProblemFile? {
    for name in dims.keys.sorted() {
      diagnostics.report(
        ProblemMessage.fixedSize(name: name), at: nil, help: ProblemMessage.traceAgain)
    }
    if let preset {
      diagnostics.report(
        ProblemMessage.noPreset(name: preset), at: nil, help: ProblemMessage.traceAgain)
    }
    guard dims.isEmpty, preset == nil else { return nil }
    do {
      return try ProblemFile(parsing: text, dtype: dtype)
    } catch let error as GraphParseError {
      diagnostics.report(ProblemMessage.text(error.message), at: span(ofLine: error.line))
    } catch {
      diagnostics.report(ProblemMessage.text("\(error)"), at: nil)
    }
    return nil
  }

  private var text: String { String(decoding: file.bytes, as: UTF8.self) }

  /// The words of a line.
  private func span(ofLine line: Int) -> Span {
    let newline = UInt8(ascii: "\n")
    var start = 0
    for _ in 1..<max(line, 1) {
      guard let end = file.bytes[start...].firstIndex(of: newline) else { break }
      start = end + 1
    }
    let rest = file.bytes[start...]
    let first = rest.firstIndex { $0 != UInt8(ascii: " ") } ?? rest.endIndex
    return Span(file: file, start: first, end: rest.firstIndex(of: newline) ?? rest.endIndex)
  }
}

/// Messages about files of graphs.
enum ProblemMessage: Error, DiagnosticMessage {
  case fixedSize(name: String)
  case noPreset(name: String)
  case noSyntax
  case text(String)

  var id: String {
    switch self {
    case .fixedSize: "problem.fixed-size"
    case .noPreset: "problem.no-preset"
    case .noSyntax: "problem.no-syntax"
    case .text: "problem.text"
    }
  }

  var text: String {
    switch self {
    case .fixedSize(let name): "--set \(name): the sizes of a file of graphs are fixed"
    case .noPreset(let name): "--preset \(name): the sizes of a file of graphs are fixed"
    case .noSyntax: "a file of graphs has no tokens and no syntax tree"
    case .text(let message): message
    }
  }

  static let traceAgain = "write the file again, from a program of other sizes"
}
