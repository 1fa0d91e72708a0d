# What `dayfly use` needs: the lines that it prints change this shell.
function dayfly {
    if ($args.Count -gt 0 -and $args[0] -eq 'use' -and -not ($args -contains '-h' -or $args -contains '--help' -or $args -contains '--print')) {
        $dayflyRest = @($args | Select-Object -Skip 1)
        $dayflyLines = & @PROGRAM@ use --print --shell powershell @dayflyRest
        if ($LASTEXITCODE -eq 0) { $dayflyLines | Out-String | Invoke-Expression }
    } else {
        & @PROGRAM@ @args
    }
}

Register-ArgumentCompleter -Native -CommandName dayfly -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $dayflyWords = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.ToString() } })
    & @PROGRAM@ complete-words powershell @dayflyWords $wordToComplete.Trim("'", '"') 2>$null | ForEach-Object {
        # The name comes in quotes where it needs some.
        $dayflyName, $dayflyHelp = $_ -split "`t", 2
        if (-not $dayflyHelp) { $dayflyHelp = $dayflyName }
        [System.Management.Automation.CompletionResult]::new($dayflyName, $dayflyName, 'ParameterValue', $dayflyHelp)
    }
}
