// SPDX-License-Identifier: Apache-2.0
//
// The prelude: layers, losses and optimisers written in the language itself. Its `.mix` files in
// the folder Prelude/ are embedded in the binary by SwiftPM, so they are the only copy of the text.

package import Diagnostics

/// The texts of the prelude and their parsed form.
package enum Prelude {
  /// The prelude's files, in the order in which they are read.
  package static let sources: [SourceFile] = [
    source("adaptive.mix", PackageResources.adaptive_mix),
    source("elementwise.mix", PackageResources.elementwise_mix),
    source("functions.mix", PackageResources.functions_mix),
    source("images.mix", PackageResources.images_mix),
    source("layers.mix", PackageResources.layers_mix),
    source("linear_algebra.mix", PackageResources.linear_algebra_mix),
    source("losses.mix", PackageResources.losses_mix),
    source("optimizers.mix", PackageResources.optimizers_mix),
    source("schedules.mix", PackageResources.schedules_mix),
    source("transformer.mix", PackageResources.transformer_mix),
  ]

  /// The declarations of all files of the prelude, which are parsed once.
  ///
  /// The prelude has no errors (a test sees to that), so what is reported here is our bug.
  package static func declarations(diagnostics: DiagnosticCollector) -> [Declaration] {
    for diagnostic in parsed.diagnostics { diagnostics.report(diagnostic) }
    return parsed.declarations
  }

  private static let parsed: (declarations: [Declaration], diagnostics: [Diagnostic]) = {
    let diagnostics = DiagnosticCollector()
    let declarations = sources.flatMap { parse($0, diagnostics: diagnostics).declarations }
    return (declarations, diagnostics.diagnostics)
  }()

  private static func source(_ name: String, _ bytes: [UInt8]) -> SourceFile {
    SourceFile(
      name: "prelude/\(name)", text: String(decoding: bytes, as: UTF8.self), isBuiltIn: true)
  }
}
