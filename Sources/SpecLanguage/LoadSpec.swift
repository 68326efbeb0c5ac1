// SPDX-License-Identifier: Apache-2.0
//
// From a path to a parsed spec with everything it imports. `import "file.mix"` is relative to the
// importing file; each file is read once, however often it is imported, and its declarations come
// before those of the file that imports it.

package import Diagnostics
import Foundation

/// Reads and parses a spec file and all files it imports.
///
/// - Errors: `syntax.import` for a file that cannot be read, and those of `parse`. The result is nil
///   only if the file itself cannot be read.
package func loadSpec(at path: String, diagnostics: DiagnosticCollector) -> SpecFile? {
  var loader = Loader(diagnostics: diagnostics)
  return loader.load(path: path, importedAt: nil)
}

private struct Loader {
  let diagnostics: DiagnosticCollector
  var loaded: Set<String> = []

  mutating func load(path: String, importedAt span: Span?) -> SpecFile? {
    loaded.insert(URL(fileURLWithPath: path).standardizedFileURL.path)
    guard let source = readSpec(at: path, importedAt: span, diagnostics: diagnostics) else {
      return nil
    }
    var file = parse(source, diagnostics: diagnostics)
    var sources = file.sources
    file.declarations = file.declarations.flatMap { declaration -> [Declaration] in
      guard case .importing(let name, let place) = declaration else { return [declaration] }
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
      let imported = folder == "." || name.hasPrefix("/") ? name : "\(folder)/\(name)"
      let identity = URL(fileURLWithPath: imported).standardizedFileURL.path
      guard !loaded.contains(identity) else { return [] }
      guard let inner = load(path: imported, importedAt: place) else { return [] }
      sources += inner.sources
      return inner.declarations
    }
    file.sources = sources
    return file
  }
}

/// Reads one spec file; it is not parsed, and imports are not followed.
///
/// - Errors: `syntax.import`. The result is then nil.
package func readSpec(
  at path: String, importedAt span: Span? = nil, diagnostics: DiagnosticCollector
) -> SourceFile? {
  let reason: String
  do {
    guard isReadable(path) else { throw CocoaError(.fileReadUnknown) }
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    if let text = String(data: data, encoding: .utf8) {
      return SourceFile(name: path, text: text)
    }
    reason = "it is not UTF-8 text"
  } catch CocoaError.fileReadNoSuchFile {
    reason = "there is no such file"
  } catch {
    reason = "it cannot be opened (is it a folder, a device, protected, or no spec at all?)"
  }
  diagnostics.report(SyntaxMessage.importedFile(path, reason: reason), at: span)
  return nil
}

/// A spec of more bytes than this is taken for another kind of file.
private let longestSpec = 1 << 24

/// Whether a path is a file of a fitting size, or nothing at all: a pipe would be waited for, and a
/// device has no end.
private func isReadable(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) != 0
    || (status.st_mode & S_IFMT == S_IFREG && status.st_size <= longestSpec)
}
