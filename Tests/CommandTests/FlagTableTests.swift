// SPDX-License-Identifier: Apache-2.0
//
// The table of flags and environment variables in FLAGS.md against the command's own description of
// itself and against the sources, in both directions.

import Foundation
import Testing

/// What ArgumentParser prints for `--experimental-dump-help`.
private struct DumpedHelp: Decodable {
  struct Command: Decodable {
    let commandName: String
    let subcommands: [Command]?
    let arguments: [Argument]?
  }
  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String, name: String
      var text: String { (kind == "short" ? "-" : "--") + name }
    }
    let kind: String
    let names: [Name]?
    let defaultValue: String?
    let allValues: [String]?
  }
  let command: Command
}

/// A flag of one command, or an environment variable, as a line of text to compare.
private struct FlagLine: Hashable, Comparable, CustomStringConvertible {
  let command: String, name: String, defaultValue: String, values: String

  var description: String { "\(command) \(name) [\(defaultValue)] \(values)" }

  static func < (lhs: Self, rhs: Self) -> Bool { lhs.description < rhs.description }
}

@Suite("The table of flags")
struct FlagTableTests {
  /// The cells of the rows below the heading of the table.
  private static func rows() throws -> [[String]] {
    let text = try String(contentsOfFile: "\(Workplace.root)/FLAGS.md", encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("| flag | commands |") })
    return lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
      line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// The names in the first cell: `-o`, `--output FOLDER` is -o and --output.
  private static func names(_ cell: String) -> [String] {
    cell.matches(of: /`([^` ]+)[^`]*`/).map { String($0.1) }
  }

  /// `run, plan`, `all`, `all but run`.
  private static func commands(_ cell: String, of all: [String]) -> [String] {
    guard let match = cell.firstMatch(of: /^all(?: but (.*))?$/) else { return list(cell) }
    let excluded = list(String(match.1 ?? ""))
    return all.filter { !excluded.contains($0) }
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private static func difference(_ found: Set<FlagLine>, _ expected: Set<FlagLine>) -> String {
    let (extra, missing) = (found.subtracting(expected), expected.subtracting(found))
    return "in FLAGS.md only: \(extra.sorted()); missing there: \(missing.sorted())"
  }

  @Test("the table has every flag of every command, with its values and default, and no other")
  func flags() throws {
    let result = try Workplace().run("--experimental-dump-help")
    #expect(result.exitCode == 0, "\(result.errors)")
    let help = try JSONDecoder().decode(DumpedHelp.self, from: Data(result.output.utf8))
    let commands = try #require(help.command.subcommands).filter { $0.commandName != "help" }
    let expected = commands.flatMap { command in
      (command.arguments ?? []).filter { $0.kind != "positional" }.flatMap { argument in
        (argument.names ?? []).map { name in
          FlagLine(
            command: command.commandName, name: name.text,
            defaultValue: argument.defaultValue ?? "",
            values: (argument.allValues ?? []).joined(separator: ", "))
        }
      }
    }
    let rows = try Self.rows().filter { $0[1] != "environment" }
    let found = rows.flatMap { row in
      let values = row[0].replacing(/`[^`]*`|;/, with: "").trimmingCharacters(in: [" ", ","])
      return Self.commands(row[1], of: commands.map(\.commandName)).flatMap { command in
        Self.names(row[0]).map {
          FlagLine(command: command, name: $0, defaultValue: row[2], values: values)
        }
      }
    }
    #expect(Set(found) == Set(expected), "\(Self.difference(Set(found), Set(expected)))")
    #expect(Set(found).count == found.count, "a flag stands there twice")
    for row in rows { #expect(row.count == 4 && !row[3].isEmpty, "\(row)") }
  }

  @Test("the table has every environment variable that the sources read, and no other")
  func environment() throws {
    let sources = URL(fileURLWithPath: "\(Workplace.root)/Sources")
    let files = try #require(FileManager.default.enumerator(atPath: sources.path))
      .compactMap { $0 as? String }
      .filter { $0.hasSuffix(".swift") || $0.hasSuffix(".c") }
    var read: Set<String> = []
    for file in files {
      let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
      let isReader = /ariable\(|getenv\(|\.environment|let kept =/
      for line in text.split(separator: "\n") where line.contains(isReader) {
        read.formUnion(line.matches(of: /"([A-Z][A-Z0-9_]+)"/).map { String($0.1) })
      }
    }
    let listed = try Self.rows().filter { $0[1] == "environment" }.flatMap { Self.names($0[0]) }
    #expect(read.count >= 4, "the search still finds what it looks for")
    #expect(Set(listed) == read)
  }
}
