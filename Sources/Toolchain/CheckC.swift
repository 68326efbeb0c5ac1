// SPDX-License-Identifier: Apache-2.0
//
// The gate between the code generator and LLVM: libclang parses the C in memory with all the usual
// warnings on, and whatever it says is a bug of the code generator. What passes is read back as a
// `CInterface` (ReadCInterface.swift).

import CLLVM
import Glibc

/// Checks a C source and reads its interface back.
///
/// - Parameters:
///   - source: the C text.
///   - name: its file name, for messages.
///   - headers: files that the source may include by name.
///   - target: the processor; its vector width and alignments are part of the interface.
/// - Returns: the exported functions and the structures they pass.
/// - Cost: about 20 ms for the first call in a process, then 2 ms per 100 lines.
/// - Throws: `toolchain.c-rejected` with every diagnostic of warning or above, rendered.
package func checkC(
  source: String, name: String, headers: [CSource] = [], for target: TargetDescription
) throws(ToolchainError) -> CInterface {
  let arguments =
    ["-x", "c", "-Wall", "-Wextra"] + languageArguments + target.frontEndArguments
  prepareLLVM()
  let index = clang_createIndex(0, 0)
  defer { clang_disposeIndex(index) }

  var unit: CXTranslationUnit?
  let files = [CSource(name: name, text: source)] + headers
  let code = withUnsavedFiles(files) { unsavedFiles in
    withCStrings(arguments) { argumentPointers in
      var unsaved = unsavedFiles
      return clang_parseTranslationUnit2(
        index, virtualPath(name), argumentPointers.map { UnsafePointer($0) },
        Int32(arguments.count), &unsaved, UInt32(unsaved.count),
        CXTranslationUnit_None.rawValue, &unit)
    }
  }
  guard code == CXError_Success, let unit else {
    throw .cRejected(name: name, diagnostics: ["libclang failed with code \(code.rawValue)"])
  }
  defer { clang_disposeTranslationUnit(unit) }

  let diagnostics = renderDiagnostics(of: unit, files: files)
  guard diagnostics.isEmpty else {
    throw .cRejected(name: name, diagnostics: diagnostics)
  }
  return readInterface(of: unit)
}

// MARK: - Source text for libclang

/// Generated files have no folder yet; this one keeps them apart from every file on disk.
private let virtualFolder = "/mixfuse-generated/"

private func virtualPath(_ name: String) -> String { virtualFolder + name }

/// Lends the files to `body` in libclang's form.
private func withUnsavedFiles<Result>(
  _ files: [CSource], _ body: ([CXUnsavedFile]) -> Result
) -> Result {
  withCStrings(files.map { virtualPath($0.name) }) { names in
    withCStrings(files.map(\.text)) { texts in
      body(
        files.indices.map { index in
          CXUnsavedFile(
            Filename: names[index], Contents: texts[index],
            Length: texts[index].map { UInt(strlen($0)) } ?? 0)
        })
    }
  }
}

// MARK: - Diagnostics

/// All diagnostics of warning or above: position, message, the line and a caret.
private func renderDiagnostics(of unit: CXTranslationUnit, files: [CSource]) -> [String] {
  (0..<clang_getNumDiagnostics(unit)).compactMap { number in
    guard let diagnostic = clang_getDiagnostic(unit, number) else { return nil }
    defer { clang_disposeDiagnostic(diagnostic) }
    let severity = clang_getDiagnosticSeverity(diagnostic)
    guard severity.rawValue >= CXDiagnostic_Warning.rawValue else { return nil }
    return render(diagnostic, severity, files: files)
  }
}

private func render(
  _ diagnostic: CXDiagnostic, _ severity: CXDiagnosticSeverity, files: [CSource]
) -> String {
  var file: CXFile?
  var line: UInt32 = 0
  var column: UInt32 = 0
  clang_getSpellingLocation(clang_getDiagnosticLocation(diagnostic), &file, &line, &column, nil)
  var path = takeString(clang_getFileName(file))
  if path.hasPrefix(virtualFolder) { path.removeFirst(virtualFolder.count) }

  let word = severity == CXDiagnostic_Warning ? "warning" : "error"
  let option = takeString(clang_getDiagnosticOption(diagnostic, nil))
  let message =
    takeString(clang_getDiagnosticSpelling(diagnostic)) + (option.isEmpty ? "" : " [\(option)]")
  let position = path.isEmpty ? "" : "\(path):\(line):\(column): "
  guard let text = files.first(where: { $0.name == path })?.text, line > 0 else {
    return "\(position)\(word): \(message)"
  }
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  let shown = Int(line) <= lines.count ? lines[Int(line) - 1] : ""
  let indent = String(repeating: " ", count: max(0, Int(column) - 1))
  return "\(position)\(word): \(message)\n  \(shown)\n  \(indent)^"
}

/// Copies a string of libclang's, and frees it.
func takeString(_ string: CXString) -> String {
  defer { clang_disposeString(string) }
  return clang_getCString(string).map { String(cString: $0) } ?? ""
}
