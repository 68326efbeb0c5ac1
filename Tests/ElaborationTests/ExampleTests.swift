import Diagnostics
import Elaboration
import SpecLanguage
import TensorIR
import Testing

@Test func ex() throws {
  for n in ["/tmp/lang/bad1", "/tmp/lang/bad2", "/tmp/lang/bad3", "/tmp/lang/bad4"] {
    let d = DiagnosticCollector()
    let f = try #require(loadSpec(at: "\(n).mix", diagnostics: d))
    let p = elaborate(f, dtype: .f32, diagnostics: d)
    print(d.rendered())
    if let p { print(p.meta.map(\.name), p.theta.map(\.name), p.gradientNames, p.innerData, p.outerData, p.innerLoss.text, p.update.text, p.outerLoss.text, p.initialState.text) }
  }
}
