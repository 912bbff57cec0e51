"""Maps and classes against what is known: FSC, shape, classification, report. numpy and scipy only; no torch."""
