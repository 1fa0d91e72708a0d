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
    & @PROGRAM@ complete-words powershell @dayflyWords "$wordToComplete" 2>$null | ForEach-Object {
        $dayflyValue, $dayflyHelp = $_ -split "`t", 2
        $dayflyQuoted = if ($dayflyValue -match '^[A-Za-z0-9._/@:+=-]+$') { $dayflyValue } else { "'" + $dayflyValue.Replace("'", "''") + "'" }
        if (-not $dayflyHelp) { $dayflyHelp = $dayflyValue }
        [System.Management.Automation.CompletionResult]::new($dayflyQuoted, $dayflyValue, 'ParameterValue', $dayflyHelp)
    }
}
