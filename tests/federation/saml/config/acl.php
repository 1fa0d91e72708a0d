<?php
$config = [];
